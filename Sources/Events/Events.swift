// Events: see docs/ARCHITECTURE.md
