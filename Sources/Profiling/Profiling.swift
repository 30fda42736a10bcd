// Profiling: see docs/ARCHITECTURE.md
