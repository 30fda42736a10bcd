// RouteLanguage: see docs/ARCHITECTURE.md
