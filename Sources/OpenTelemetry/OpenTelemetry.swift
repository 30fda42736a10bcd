// OpenTelemetry
