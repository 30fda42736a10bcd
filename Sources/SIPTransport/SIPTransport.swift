// SIPTransport: see docs/ARCHITECTURE.md
