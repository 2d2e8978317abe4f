"""Two cameras on one link: how much each may send, and the rate that it carries."""

from drivers.camera import Camera
from drivers.camera_link import Link
from drivers.camera_settings import ExposureSettings
from drivers.errors import SettingRefusedError


def common_link(first: Camera, second: Camera) -> Link | None:
    """The link that both share, with the frames of both; None where they are not known to.

    A frame of it is one of each camera, so that rates are checked as for one camera.
    """
    links = first.state.link, second.state.link
    carried = [link.wire_bytes_per_s for link in links if link.wire_bytes_per_s is not None]
    sizes = [link.frame_bytes for link in links if link.frame_bytes is not None]
    if not links[0].name or links[0].name != links[1].name or not carried or len(sizes) != 2:
        return None
    return Link(
        name=links[0].name,
        frame_bytes=sum(sizes),
        bytes_per_s=min(carried),
        wire_bytes_per_s=min(carried),
        limited_by=f"both are behind {links[0].name}",
    )


def share_link(first: Camera, second: Camera, asked_bytes_per_s: float | None) -> None:
    """Let two stopped cameras send no more together than their common link carries.

    Each gets what its frames need of it, or the first ``asked_bytes_per_s`` and the second the
    rest. Their frames begin together: without limits both send at full speed, and what a switch
    cannot hold is lost. A camera that takes no limit stays as it is.
    """
    common = common_link(first, second)
    if common is None or common.bytes_per_s is None or common.frame_bytes is None:
        return
    whole_bytes_per_s = common.bytes_per_s
    first_bytes = first.state.link.frame_bytes or 0
    share_bytes_per_s = asked_bytes_per_s or whole_bytes_per_s * first_bytes / common.frame_bytes
    for camera, limit in (
        (first, share_bytes_per_s),
        (second, whole_bytes_per_s - share_bytes_per_s),
    ):
        control = camera.controls.link_limit_bytes_per_s
        if control is None:
            continue
        if limit < control.minimum:
            raise SettingRefusedError(
                f"{limit:.0f} bytes/s of the link {common.name} are left for {camera.address}, it "
                f"needs {control.minimum:.0f}; give the other camera a lower link limit"
            )
        camera.configure(ExposureSettings(link_limit_bytes_per_s=control.nearest(limit)))
