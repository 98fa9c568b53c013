"""The PEM files of the sandbox's Azure, apart from what makes them, which takes long to import."""

CA = "ca.pem"
"""The sandbox's certificate authority."""
BUNDLE = "bundle.pem"
"""certifi's authorities and the sandbox's."""
CERTIFICATE = "server.pem"
KEY = "server.key"
