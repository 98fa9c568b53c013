"""Settings of a site without a cloud, but for what a test is about."""

SETTINGS = {
    "INTERMODAL_ONPREM_KUBECONFIG": "/etc/kube",
    "INTERMODAL_ONPREM_GATEWAY_CIDRS": "10.0.0.0/24",
    "INTERMODAL_ONPREM_STORE_URL": "http://127.0.0.1:9000",
    "INTERMODAL_ONPREM_BUCKET": "models",
}
