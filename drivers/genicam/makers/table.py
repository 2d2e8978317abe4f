"""The makers, with what their cameras call things; the standard comes first.

Cameras are not told apart by their maker's name: many are sold under another one. Every
camera is asked for every name in this table, nodes and values in any combination.

Sources: GenICam SFNC 2.7; the makers' manuals and device descriptions. Where only the name
in a maker's own interface is known, it is here as a guess, and the comment says so.
"""

from drivers.genicam.makers.dialect import (
    MINIMUM,
    GeneratorDialect,
    LinearRule,
    LinkLimitDialect,
    MakerDialect,
    OutputDialect,
    RateUnit,
    TriggerDialect,
)

WHILE_TRIGGERED = "offered only while the trigger is on"
WHILE_STOPPED = "changed only while no frames are acquired"

_OFF = ("Off",)
_FALSE = ("false", "Off")

STANDARD = MakerDialect(
    maker="the standard: FLIR / Teledyne, IDS, Allied Vision GigE, Daheng, Basler dart, Lucid",
    shutter_nodes=("SensorShutterMode",),
    global_reset=("GlobalReset",),
    rolling=("Rolling",),
    global_shutter=("Global",),
    condition=WHILE_TRIGGERED,
    trigger=TriggerDialect(
        mode="TriggerMode",
        source="TriggerSource",
        software="Software",
        no_signal=("Off", "Freerun", "None"),
        activation="TriggerActivation",
        delay_nodes=("TriggerDelay", "TriggerDelayAbs"),
        software_command="TriggerSoftware",
    ),
    generators=(
        GeneratorDialect(
            name="timer",
            signal=r"(Timer\d+)End",
            rate_nodes=("TimerDuration", "TimerDurationAbs"),
            rate_unit=RateUnit.PERIOD_US,
            selector="TimerSelector",
            stop_nodes=("TimerTriggerSource",),
            delay_nodes=("TimerDelay", "TimerDelayAbs"),
            start_command="TimerReset",
            restart_nodes=("TimerTriggerSource",),
        ),
    ),
    outputs=(
        OutputDialect(
            selector="LineSelector",
            source="LineSource",
            # FlashWindow rises at the start of the exposure in global reset, later in rolling.
            signals=("ExposureActive", "mvExposureActive", "FlashWindow"),
            mode="LineMode",
        ),
    ),
    linear=(
        LinearRule(("SequencerMode", "SequenceEnable", "HDREnable", "HDR_Mode"), _FALSE),
        LinearRule(("ExposureMode",), ("Timed",)),
        LinearRule(("ExposureAuto", "BalanceWhiteAuto", "ContrastAuto"), _OFF),
        LinearRule(("GainAuto", "GainAutoBalance"), _OFF),
        LinearRule(("BlackLevelAuto", "BlackLevelAutoBalance"), _OFF),
        LinearRule(("TriggerOverlap",), _OFF),
        LinearRule(("GammaEnable", "GammaEnabled"), _FALSE),
        LinearRule(("GammaSelector",), ("User",), moot=("GammaEnable", "false")),
        LinearRule(("Gamma",), ("1",), moot=("GammaEnable", "false")),
        LinearRule(("LUTEnable",), _FALSE),
        LinearRule(("TestPattern",), ("Off", "Normal")),
        LinearRule(("TestImageSelector", "TestImage"), _OFF),
        LinearRule(("SharpeningAuto", "SharpeningEnable", "SharpeningEnabled"), _FALSE),
        LinearRule(("SharpnessEnable", "SharpnessEnabled"), _FALSE),
        LinearRule(("SharpnessAuto",), _OFF),
        LinearRule(("Sharpness",), ("0",)),
        LinearRule(("Denoise",), ("0",)),
        LinearRule(("NoiseReduction", "NoiseReductionMode"), _FALSE),
        LinearRule(("DenoiseEnable", "DenoisingEnable"), _FALSE),
        LinearRule(("FfcEnable", "FlatFieldCorrection"), _FALSE),
        LinearRule(("DefectCorrection",), _FALSE),
        LinearRule(("ColorTransformationEnable", "ColorCorrectionMatrixEnable"), _FALSE),
        LinearRule(("ColorAdjustmentEnable", "SaturationEnable", "HueEnable"), _FALSE),
        LinearRule(("ToneMappingEnable", "ContrastEnable"), _FALSE),
        LinearRule(("LightSourcePreset",), _OFF),
        # It may turn the readout round, or the finished picture: no node tells which.
        LinearRule(("ReverseX", "ReverseY"), _FALSE),
    ),
    line_time_nodes=("LineTime", "SensorLineTime", "SensorLinePeriod"),
    readout_time_nodes=(
        "SensorReadoutTime",
        "DeviceSensorReadoutTime",
        "ReadoutTimeAbs",
        "ReadoutTime",
    ),
    readout_mode_nodes=(
        *("BinningHorizontal", "BinningVertical", "DecimationHorizontal", "DecimationVertical"),
        *("AdcBitDepth", "ADCBitDepth", "SensorBitDepth", "SensorReadoutMode", "ReadoutMode"),
        *("SensorMode", "DeviceLinkThroughputLimitMode", "DeviceLinkThroughputLimit"),
        *("DeviceLinkSpeed", "LineTime", "SensorLineTime", "ReverseX", "ReverseY"),
    ),
    link_limits=(
        LinkLimitDialect("DeviceLinkThroughputLimit", "DeviceLinkThroughputLimitMode", "On"),
    ),
)

BASLER = MakerDialect(
    maker="Basler ace (USB, GigE, Camera Link)",
    shutter_nodes=("ShutterMode",),
    global_reset=("GlobalResetRelease",),
    rolling=("Rolling",),
    global_shutter=("Global",),
    # acA1920-25 and acA2500-14 over GigE have the switch, some of them nothing else.
    shutter_switches=("GlobalResetReleaseModeEnable",),
    condition=WHILE_STOPPED,
    generators=(
        GeneratorDialect(
            name="Basler periodic signal",
            signal=r"(PeriodicSignal\d+)",
            rate_nodes=("BslPeriodicSignalPeriod",),
            rate_unit=RateUnit.PERIOD_US,
            selector="BslPeriodicSignalSelector",
        ),
    ),
    linear=(
        LinearRule(("BslSharpnessEnhancement",), ("0",)),
        LinearRule(("SharpnessEnhancementAbs",), (MINIMUM,)),
        LinearRule(("NoiseReductionAbs", "BslNoiseReduction"), ("0",)),
        LinearRule(("BslColorSpace", "BslLightSourcePreset"), _OFF),
        LinearRule(("BslContrast", "BslBrightness", "BslHue"), ("0",)),
    ),
    line_time_nodes=("BslSensorLinePeriod",),
)

ALVIUM = MakerDialect(
    maker="Allied Vision Alvium",
    shutter_nodes=("SensorShutterMode",),
    global_reset=("GlobalResetShutter",),
    rolling=("RollingShutter",),
    global_shutter=("GlobalShutter",),
    condition=WHILE_TRIGGERED,
    caution="a smaller region is not read faster in this mode",
    linear=(LinearRule(("AdaptiveNoiseSuppressionFactor",), ("1",)),),
)

ALLIED_VISION_GIGE = MakerDialect(
    maker="Allied Vision GigE (Manta, Mako, Prosilica)",
    generators=(
        GeneratorDialect(
            name="Allied Vision fixed rate",
            signal=r"(FixedRate)",
            rate_nodes=("AcquisitionFrameRateAbs", "AcquisitionFrameRate"),
            rate_unit=RateUnit.FREQUENCY_HZ,
        ),
    ),
    outputs=(
        OutputDialect(
            selector="SyncOutSelector",
            source="SyncOutSource",
            signals=("Exposing",),
            silent=("GPO",),
        ),
    ),
    link_limits=(
        LinkLimitDialect("StreamBytesPerSecond", "BandwidthControlMode", "StreamBytesPerSecond"),
    ),
    packet_commands=("GVSPAdjustPacketSize",),
)

FLIR = MakerDialect(
    maker="FLIR / Teledyne",
    packet_switches=("StreamAutoNegotiatePacketSize",),
    generators=(
        GeneratorDialect(
            name="counter of a 1 MHz clock",
            signal=r"(Counter\d+)End",
            rate_nodes=("CounterDuration",),
            rate_unit=RateUnit.PERIOD_US,
            selector="CounterSelector",
            stop_nodes=("CounterTriggerSource", "CounterResetSource"),
            required=(("CounterEventSource", "MHzTick"),),
            delay_nodes=("CounterDelay",),
            start_command="CounterReset",
            restart_nodes=("CounterTriggerSource", "CounterResetSource"),
        ),
    ),
)

HIKROBOT = MakerDialect(
    maker="Hikrobot",
    shutter_nodes=("ShutterMode", "SensorShutterMode"),
    global_reset=("GlobalReset",),
    rolling=("Rolling",),
    global_shutter=("Global",),
    condition=WHILE_TRIGGERED,
    outputs=(
        OutputDialect(
            selector="LineSelector",
            source="LineSource",
            signals=("ExposureStartActive",),
            mode="LineMode",
            mode_values=("Strobe", "Output"),
            switch="StrobeEnable",
        ),
    ),
)

MATRIX_VISION = MakerDialect(
    maker="Balluff / MATRIX VISION",
    shutter_nodes=("mvShutterMode",),
    global_reset=("mvGlobalReset",),
    rolling=("mvRollingShutter",),
    global_shutter=("mvGlobalShutter",),
    condition=WHILE_TRIGGERED,
    caution="exposures are limited to 206 ms in this mode (mvBlueFOX3)",
    rolling_caution="any trigger makes this sensor do global reset, even if the node says rolling",
    linear=(LinearRule(("mvHDREnable",), _FALSE),),
)

IMAGING_SOURCE = MakerDialect(
    maker="The Imaging Source",
    shutter_nodes=("TriggerOperation",),
    global_reset=("GlobalResetRelease",),
    shutter_switches=("TriggerGlobalResetRelease",),
    condition=WHILE_TRIGGERED,
    rolling_caution=(
        "sensors such as IMX290 and IMX236 do global reset whenever they are triggered, "
        "even if the node says otherwise"
    ),
)

XIMEA = MakerDialect(
    maker="XIMEA",
    # The words of the maker's own interface (xiAPI, shutter_type); how its GenTL producer
    # spells them is not known here.
    shutter_nodes=("ShutterType",),
    global_reset=("GlobalResetRelease", "XI_SHUTTER_GLOBAL_RESET_RELEASE"),
    rolling=("Rolling", "XI_SHUTTER_ROLLING"),
    global_shutter=("Global", "XI_SHUTTER_GLOBAL"),
    condition=WHILE_TRIGGERED,
)

SENTECH = MakerDialect(
    maker="Omron Sentech",
    shutter_nodes=("SensorShutterMode",),
    # CMOS_RESET_TYPE = GRR in the maker's own interface.
    global_reset=("GlobalReset", "GRR"),
    rolling=("Rolling", "ERS"),
    condition=WHILE_TRIGGERED,
)

TUCSEN = MakerDialect(
    maker="Tucsen",
    shutter_nodes=("SensorShutterType",),
    global_reset=("GlobalReset",),
    rolling=("Rolling",),
    global_shutter=("Global",),
    # Description of a Dhyana 6060 BSI: "Standard" is the trigger input, "Gps" the receiver.
    trigger=TriggerDialect(
        source="AcquisitionTrigMode",
        software="Software",
        no_signal=("FreeRunning",),
        activation="TrigEdge",
        delay_nodes=("TrigDelay",),
        software_command="TrigSoftwareSignal",
    ),
    outputs=(
        OutputDialect(
            selector="TrigOutputPort",
            source="TrigOutputKind",
            signals=("ExposureStart",),
            silent=("Low",),
        ),
    ),
    linear=(
        LinearRule(("TrigExpType",), ("TrigTimed",)),
        LinearRule(("DSNU", "PRNU", "DefectPixelCorrection", "HorizontalFlip"), _OFF),
    ),
)

MAKERS: tuple[MakerDialect, ...] = (
    STANDARD,
    ALVIUM,
    BASLER,
    ALLIED_VISION_GIGE,
    FLIR,
    HIKROBOT,
    MATRIX_VISION,
    IMAGING_SOURCE,
    XIMEA,
    SENTECH,
    TUCSEN,
)
