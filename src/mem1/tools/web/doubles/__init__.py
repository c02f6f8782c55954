"""The web in small, on this machine only: four search services, and a site that does what sites should not do."""
