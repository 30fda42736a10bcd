// SIPMessage: see docs/ARCHITECTURE.md
