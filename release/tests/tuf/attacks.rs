//! What attackers of an update framework do.
