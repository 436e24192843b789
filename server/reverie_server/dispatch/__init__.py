"""Where renders are asked for: what is stored, or rendered already for others, is not rendered again."""

from reverie_server.dispatch.dispatcher import Counts, Dispatcher
from reverie_server.dispatch.subscription import Subscription

__all__ = ["Counts", "Dispatcher", "Subscription"]
