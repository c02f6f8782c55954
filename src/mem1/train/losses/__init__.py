"""Policy losses beside PPO's clipped one (``train/loss.py``), a file each."""
