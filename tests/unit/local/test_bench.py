"""What the bench reads from a run's log."""

from __future__ import annotations

from local.bench_releases import steps_of

LOG = """\
   0.61 [Deploy/dev/deploy] ⭐ Run Main ./hs deploy --tag "$GITHUB_REF_NAME"
   1.20 [Deploy/dev/deploy]   |   … Looking up the images' digests
   2.05 [Deploy/dev/deploy]   | ✓ Looking up the images' digests 12 images 0.8 s
  19.44 [Deploy/dev/deploy]   | ✓ Deploying dev 1 updated, 171 unchanged and a line that is too long for
  19.44 [Deploy/dev/deploy]   | eighty characters 15.3 s
  20.10 [Deploy/dev/deploy]   | Release 2 of dev (dev/1.1.0): verified in 20 s
  20.30 [Deploy/dev/deploy]   ✅  Success - Main ./hs deploy
"""


def test_the_steps_of_a_deploy_are_read_with_their_seconds_also_where_a_line_was_broken() -> None:
    assert steps_of(LOG.splitlines()) == [
        ("Looking up the images' digests 12 images", 0.8),
        ("Deploying dev 1 updated, 171 unchanged and a line that is too long for eighty characters", 15.3),
    ]
