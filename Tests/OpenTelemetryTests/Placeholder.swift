// OpenTelemetryTests
