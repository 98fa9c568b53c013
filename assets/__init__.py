"""The assets of every model. ``intermodal.assets.Model`` is the component that specs name."""

from intermodal.assets.component import Model

__all__ = ["Model"]
