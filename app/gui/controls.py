"""The control panel: all settings of a camera, limited to its true ranges."""

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.fields import ChoiceField, NumberField
from app.gui.plain_label import PlainLabel, plain_tip
from app.gui.presenter import (
    SETTING_NAMES,
    SHUTTER_NAMES,
    proof_badge,
    ramp_text,
    rate_limit_fps,
    trigger_name,
)
from app.gui.region import RegionEditor
from app.gui.theme import COLOURS
from app.session.status import SessionState, SessionStatus
from drivers.camera_settings import NUMBER_SETTINGS, ExposureSettings, SettingGroup, ShutterMode

PANEL_WIDTH_PX = 312
_UNUSABLE_FPS = 10_000.0
"""A stated limit above this is no limit an operator needs to see."""

_WITH_SLIDER = ("exposure_us", "gain_db")
_ALWAYS_SHOWN = ("exposure_us", "gain_db", "black_level_dn", "fps", "trigger_delay_us")
"""Fields that stay, disabled, where the camera offers no such setting; the others go."""


class ControlPanel(QFrame):
    """Shows the settings in force and reports what the operator asks for."""

    requested = pyqtSignal(object)
    """An :class:`ExposureSettings` with what was changed."""
    model_chosen = pyqtSignal(object)
    """Name of a restorer, or None."""
    prove_clicked = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setFixedWidth(PANEL_WIDTH_PX)
        self._shown: object = None
        self._models: tuple[str, ...] = ()

        self._camera = PlainLabel()
        self._camera.setWordWrap(True)
        self._camera.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._address = PlainLabel()
        self._address.setObjectName("quiet")
        self._address.setWordWrap(True)
        self._badge = PlainLabel()
        self._badge.setObjectName("badge")
        self._ramp = PlainLabel()
        self._ramp.setObjectName("quiet")
        self._ramp.setToolTip("exposure of the row read last, in exposures of the first")
        self.prove_button = QPushButton("Prove")
        self.prove_button.setToolTip(
            "Alternate two exposures for about a second and look for the ramp of global reset"
        )
        self.prove_button.clicked.connect(self.prove_clicked)

        self.shutter = ChoiceField("shutter mode")
        self.model = ChoiceField("model")
        self.numbers = {
            name: NumberField(*SETTING_NAMES[name], slider=name in _WITH_SLIDER)
            for name in NUMBER_SETTINGS
        }
        self.trigger = ChoiceField("trigger")
        self.activation = ChoiceField("activation")
        self.pixel_format = ChoiceField("pixel format")
        self.region = RegionEditor()
        self._choices = {
            "shutter": self.shutter,
            "trigger_source": self.trigger,
            "trigger_activation": self.activation,
            "pixel_format": self.pixel_format,
        }
        for setting, number in self.numbers.items():
            number.edited.connect(lambda value, name=setting: self._ask(name, value))
        for setting, choice in self._choices.items():
            choice.chosen.connect(lambda value, name=setting: self._ask(name, value))
        self.region.asked.connect(lambda region: self._ask("region", region))
        self.model.chosen.connect(self.model_chosen)
        self._lay_out()

    def _lay_out(self) -> None:
        proof = QWidget()
        proof_layout = QHBoxLayout(proof)
        proof_layout.setContentsMargins(0, 0, 0, 0)
        proof_layout.addWidget(self._badge)
        proof_layout.addWidget(self._ramp, stretch=1)
        proof_layout.addWidget(self.prove_button)

        body = self._body = QWidget()
        body.setObjectName("panel_body")
        layout = QVBoxLayout(body)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.setSpacing(6)
        sections: list[tuple[str, list[QWidget]]] = [
            ("CAMERA", [self._camera, self._address]),
            ("SHUTTER", [self.shutter, proof, self.model]),
            ("EXPOSURE", self._group(SettingGroup.EXPOSURE)),
            (
                "TRIGGER",
                [
                    self.trigger,
                    *self._group(SettingGroup.RATE),
                    self.activation,
                    *self._group(SettingGroup.TRIGGER),
                ],
            ),
            ("FRAME", [self.pixel_format, self.region]),
        ]
        for position, (heading, widgets) in enumerate(sections):
            if position:
                layout.addSpacing(8)
            label = PlainLabel(heading)
            label.setObjectName("heading")
            layout.addWidget(label)
            for widget in widgets:
                layout.addWidget(widget)
        layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setObjectName("panel_scroll")
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(body)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scroll)

    def _group(self, group: SettingGroup) -> list[QWidget]:
        return [self.numbers[name] for name, each in NUMBER_SETTINGS.items() if each.group is group]

    def _ask(self, setting: str, value: object) -> None:
        self.requested.emit(ExposureSettings(**{setting: value}))  # type: ignore[arg-type]

    def offer_models(self, names: tuple[str, ...]) -> None:
        """The restorers there are to choose from."""
        self._models = names

    @property
    def proof(self) -> str:
        """What the badge says of the shutter mode."""
        return self._badge.text()

    def show_status(self, status: SessionStatus, busy: bool, force: bool = False) -> None:
        """Show what is in force; ``force`` also where the operator is typing."""
        self._body.setEnabled(status.state in (SessionState.STREAMING, SessionState.STOPPED))
        self.prove_button.setEnabled(not busy and status.controls.exposure_us is not None)
        shown = (
            status.settings, status.controls, status.model, status.shutter_proven,
            status.timing, status.identity, self._models,
        )  # fmt: skip
        if shown == self._shown and not force:
            return
        self._shown = shown
        self._show_identity(status)
        self._show_settings(status, force)

    def _show_identity(self, status: SessionStatus) -> None:
        identity = status.identity
        self._camera.setText(f"{identity.maker} {identity.model}".strip())
        self._address.setText(
            " · ".join(
                part
                for part in (
                    identity.serial,
                    f"firmware {identity.firmware}" if identity.firmware else "",
                    status.address,
                )
                if part
            )
        )
        badge = proof_badge(status)
        self._badge.setText(badge.text)
        self._badge.setToolTip(plain_tip(badge.meaning))
        self._badge.setStyleSheet(f"color: {COLOURS[badge.level]};")
        self._ramp.setText(ramp_text(status))

    def _show_settings(self, status: SessionStatus, force: bool) -> None:
        settings, controls = status.settings, status.controls
        for setting, number in self.numbers.items():
            control = getattr(controls, setting)
            number.show_value(getattr(settings, setting), control, force)
            number.setVisible(control is not None or setting in _ALWAYS_SHOWN)
        limit_fps = rate_limit_fps(status)
        self.numbers["fps"].show_hint(
            f"≤ {limit_fps:.0f}" if limit_fps is not None and limit_fps < _UNUSABLE_FPS else ""
        )
        self.shutter.show_choice(
            settings.shutter or ShutterMode.UNKNOWN,
            [(mode, SHUTTER_NAMES[mode]) for mode in controls.shutter_modes]
            or [(ShutterMode.UNKNOWN, SHUTTER_NAMES[settings.shutter or ShutterMode.UNKNOWN])],
        )
        self.trigger.show_choice(
            settings.trigger_source,
            [(source, trigger_name(source)) for source in controls.trigger_sources],
        )
        self.activation.show_choice(
            settings.trigger_activation, [(edge, edge) for edge in controls.trigger_activations]
        )
        self.pixel_format.show_choice(
            settings.pixel_format, [(name, name) for name in controls.pixel_formats]
        )
        self.model.show_choice(
            status.model, [(name, name) for name in self._models] + [(None, "none")]
        )
        self.region.show_region(settings.region, controls, force)
