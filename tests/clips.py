"""The matrix of small clips on which reading and writing are tested: `make(CLIPS["vfr"], folder)`."""

from __future__ import annotations

from fractions import Fraction

from media import ClipSpec, Sound, Words

# Display matrices as FFmpeg stores them: 16.16 fixed point, the last column 2.30.
UNIT, LAST = 1 << 16, 1 << 30
IDENTITY = (UNIT, 0, 0, 0, UNIT, 0, 0, 0, LAST)
TURN_LEFT = (0, -UNIT, 0, UNIT, 0, 0, 0, 0, LAST)  # shown turned 90 degrees counter-clockwise
TURN_AROUND = (-UNIT, 0, 0, 0, -UNIT, 0, 0, 0, LAST)
TURN_RIGHT = (0, UNIT, 0, -UNIT, 0, 0, 0, 0, LAST)  # shown turned 90 degrees clockwise, as phones held upright do
FLIP_SIDES = (-UNIT, 0, 0, 0, UNIT, 0, 0, 0, LAST)

HDR10 = (
    "hdr10=1:repeat-headers=1:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:range=limited:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
)
BT2020, PQ, BT2020_NCL = 9, 16, 9
LIMITED, FULL = 1, 2

UNEVEN = (0.0, 0.033, 0.1, 0.14, 0.141, 0.3, 0.55, 0.6, 0.66, 0.9, 1.0, 1.35, 1.4, 1.5, 1.501, 1.6)
PHONE = {
    "location": "+48.1374+011.5755/",
    "com.apple.quicktime.location.ISO6709": "+48.1374+011.5755+519.000/",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "iPhone 15 Pro",
    "com.apple.quicktime.software": "17.4.1",
    "com.apple.quicktime.creationdate": "2024-05-05T12:13:14+0200",
    "creation_time": "2024-05-05T10:13:14.000000Z",
    "artist": "Erika Mustermann",
    "title": "Birthday at Erika's",
    "comment": "call 0151 555",
}
X264 = {"g": "8", "threads": "1"}

CLIPS: dict[str, ClipSpec] = {
    "cfr": ClipSpec("cfr.mp4", sounds=(Sound(),), options=X264),
    "vfr": ClipSpec("vfr.mp4", times=UNEVEN, sounds=(Sound(),), options=X264),
    "vfr_mkv": ClipSpec("vfr.mkv", times=UNEVEN, sounds=(Sound("libopus"),), options=X264),
    "ntsc": ClipSpec("ntsc.mp4", rate=Fraction(30000, 1001), sounds=(Sound(),), options=X264),
    "late": ClipSpec("late.mp4", start=0.48, sounds=(Sound(),), options=X264),
    "late_mkv": ClipSpec("late.mkv", start=0.48, sounds=(Sound(),), options=X264),
    "rotated90": ClipSpec("rotated90.mp4", display_matrix=TURN_LEFT, options=X264),
    "rotated180": ClipSpec("rotated180.mp4", display_matrix=TURN_AROUND, options=X264),
    "rotated270": ClipSpec("rotated270.mov", display_matrix=TURN_RIGHT, sounds=(Sound(),), options=X264),
    "rotated_mkv": ClipSpec("rotated.mkv", display_matrix=TURN_RIGHT, options=X264),
    "flipped": ClipSpec("flipped.mp4", display_matrix=FLIP_SIDES, options=X264),
    "odd_vp9": ClipSpec(
        "odd.webm", "libvpx-vp9", size=(65, 97), sounds=(Sound("libopus"),), options={"cpu-used": "8", "crf": "20"}
    ),
    "odd_mpeg4": ClipSpec("odd_mpeg4.mp4", "mpeg4", size=(65, 97), options={"qscale": "3"}),
    "odd_mjpeg": ClipSpec("odd_mjpeg.avi", "mjpeg", "yuvj420p", size=(65, 97)),
    "odd_h264": ClipSpec("odd_h264.mp4", pixel_format="yuv444p", size=(65, 97), options=X264),
    "odd_ffv1": ClipSpec("odd_ffv1.mkv", "ffv1", size=(65, 97)),
    "anamorphic": ClipSpec("anamorphic.mp4", sample_aspect_ratio=Fraction(16, 11), options=X264),
    "anamorphic_mkv": ClipSpec("anamorphic.mkv", sample_aspect_ratio=Fraction(16, 11), options=X264),
    "hdr10": ClipSpec(
        "hdr10.mp4",
        "libx265",
        "yuv420p10le",
        colors=(LIMITED, BT2020, PQ, BT2020_NCL),
        options={"x265-params": "log-level=none:pools=1:frame-threads=1:" + HDR10},
        frames=12,
        sounds=(Sound(),),
    ),
    "h264_10bit": ClipSpec("ten.mkv", pixel_format="yuv420p10le", options=X264, frames=12),
    "yuv422p": ClipSpec("yuv422p.mp4", pixel_format="yuv422p", options=X264),
    "yuv444p": ClipSpec("yuv444p.mkv", pixel_format="yuv444p", options=X264),
    "full_range": ClipSpec("full.mp4", pixel_format="yuvj420p", colors=(FULL, 1, 1, 1), options=X264),
    "bt709": ClipSpec("bt709.mp4", colors=(LIMITED, 1, 1, 1), options=X264),
    "two_sounds": ClipSpec(
        "two.mp4",
        sounds=(Sound(language="deu", tone=800), Sound(language="fra", tone=1600, title="Kommentar")),
        options=X264,
    ),
    "two_sounds_mkv": ClipSpec(
        "two.mkv",
        sounds=(Sound("aac", "deu", 800), Sound("libopus", "fra", 1600)),
        words=(Words("subrip", "deu"), Words("subrip", "fra")),
        chapters=True,
        options=X264,
    ),
    "subtitles": ClipSpec(
        "subtitles.mp4", sounds=(Sound(),), words=(Words(language="deu"), Words(language="fra")), options=X264
    ),
    "chapters": ClipSpec("chapters.mp4", chapters=True, sounds=(Sound(),), options=X264),
    "avi": ClipSpec("clip.avi", "mpeg4", sounds=(Sound("pcm_s16le"),), options={"qscale": "3"}),
    "ts": ClipSpec("clip.ts", sounds=(Sound(),), options=X264),
    "gif": ClipSpec("clip.gif", "gif", "gray", rate=Fraction(10), frames=12),
    "mov": ClipSpec("clip.mov", sounds=(Sound(),), options=X264),
    "prores": ClipSpec("prores.mov", "prores_ks", "yuv422p10le", frames=8, sounds=(Sound("pcm_s16le"),)),
    "mpeg2": ClipSpec("clip.mpg", "mpeg2video", sounds=(Sound("mp2"),), options={"qscale": "3", "g": "8"}),
    "av1": ClipSpec("av1.mp4", "libsvtav1", frames=10, options={"preset": "10", "svtav1-params": "lp=1"}),
    "no_suffix": ClipSpec("clip", container="mp4", sounds=(Sound(),), options=X264),
    "odd_name": ClipSpec("a:b %03d -x.mp4", sounds=(Sound(),), options=X264),
    "dash_name": ClipSpec("-y.mp4", options=X264),
    "interlaced": ClipSpec("interlaced.mp4", interlaced=True, options=X264 | {"x264-params": "interlaced=1:threads=1"}),
    "phone": ClipSpec(
        "phone.mov",
        sounds=(Sound(),),
        metadata=PHONE,
        container_options={"movflags": "use_metadata_tags"},
        options=X264,
    ),
    "phone_mp4": ClipSpec("phone.mp4", sounds=(Sound(),), metadata=PHONE, options=X264),
    "telemetry": ClipSpec("telemetry.mp4", sounds=(Sound(),), data_track="gpmd", options=X264),
    "timecode": ClipSpec("timecode.mov", video_metadata={"timecode": "10:11:12:00"}, options=X264),
    "cover": ClipSpec("cover.mp4", cover=True, sounds=(Sound(),), options=X264),
    "attachments": ClipSpec("attachments.mkv", cover=True, attachment=True, sounds=(Sound(),), options=X264),
}
