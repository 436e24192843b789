"""Where renders are asked for: what is in the store, or under way already, is not rendered again; see `Desk`."""

from reverie_server.dispatch.dispatcher import Counts, Desk
from reverie_server.dispatch.subscription import Ticket

__all__ = ["Counts", "Desk", "Ticket"]
