// SIPTransaction: see docs/ARCHITECTURE.md
