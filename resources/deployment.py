"""Which environment this is, and the image that its endpoints run."""

import dagster as dg

from intermodal.platform.targets import Cloud


class DeploymentSettings(dg.ConfigurableResource):  # type: ignore[type-arg]
    """``environment`` is sandbox, staging or production; the images are references in each cloud's registry.

    Until there is an image asset, the image is the packaged server, the same for every version.
    """

    environment: str
    aws_image: str
    gcp_image: str
    azure_image: str

    def image(self, cloud: Cloud) -> str:
        return {"aws": self.aws_image, "gcp": self.gcp_image, "azure": self.azure_image}[cloud]
