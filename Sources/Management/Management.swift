// Management: see docs/ARCHITECTURE.md
