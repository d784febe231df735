"""An OTLP endpoint in the place of New Relic's: an OpenTelemetry Collector that checks the licence key and writes down what arrives."""
