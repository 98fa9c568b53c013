"""What exists. ``intermodal.assets.Model`` is the component that specs name."""

from intermodal.assets.component import Model

__all__ = ["Model"]
