"""The dispatcher answers requests from the store, from a render in progress, or by a new render."""

from reverie_server.dispatch.dispatcher import Counts, Dispatcher
from reverie_server.dispatch.subscription import Subscription

__all__ = ["Counts", "Dispatcher", "Subscription"]
