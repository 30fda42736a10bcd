// Location: see docs/ARCHITECTURE.md
