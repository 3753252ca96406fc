"""Who signed by certificate, and when: Sigstore's authorities, logs and timestamps."""
