// ProfilingTracing: see docs/ARCHITECTURE.md
