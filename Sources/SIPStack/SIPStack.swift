// SIPStack: see docs/ARCHITECTURE.md
