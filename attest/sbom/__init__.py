"""What is in it? SPDX or provenance in, CycloneDX 1.6 out; what could not be carried is counted."""
