// RouteRuntime: see docs/ARCHITECTURE.md
