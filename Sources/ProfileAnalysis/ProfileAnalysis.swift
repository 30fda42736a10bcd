// ProfileAnalysis: see docs/ARCHITECTURE.md
