"""Convolutions of published networks, on which `likely_layout` is measured.

`MODELS` are the distinct convolutions of whole models of a library. `LISTED` are layers of other
networks: often the first layer, which is the hardest to judge, and a later one. `MISTAKEN` are
layers for which `likely_layout` proposes another layout although theirs is right.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RealLayer:
    """One convolution: `inputs` are those of a group, and all of them for a depthwise layer.

    `outputs` of a transposed convolution are those of a group.
    """

    model: str
    layer: str
    outputs: int
    inputs: int
    kernel: tuple[int, ...]

    def written(self, letters: str) -> tuple[int, ...]:
        """The shape of the weight with these letters of the layer; W is the last kernel axis."""
        extents = dict(zip("WHD", reversed(self.kernel), strict=False))
        extents |= {"O": self.outputs, "I": self.inputs}
        if self.layer.startswith("depthwise") and "E" in letters:
            extents |= {"E": self.inputs, "O": self.outputs // self.inputs}
        elif self.layer.startswith("depthwise"):
            extents["I"] = 1
        return tuple(extents[letter] for letter in letters)


_LISTED = """
conv2d 96 3 11x11 AlexNet, conv1
conv2d 256 48 5x5 AlexNet, conv2 in 2 groups
conv2d 64 3 3x3 VGG-16, conv1_1
conv2d 512 512 3x3 VGG-16, conv5_1
conv2d 4096 512 7x7 VGG-16, fc6 as a convolution
conv2d 64 3 7x7 ResNet-18, conv1
conv2d 128 64 1x1 ResNet-18, shortcut
conv2d 128 4 3x3 ResNeXt-50, 32 groups
conv2d 192 128 1x7 Inception-v3, Mixed_6b
conv2d 128 128 7x1 Inception-v3, Mixed_6b
conv2d 384 384 1x3 Inception-v3, Mixed_7b
conv2d 384 384 3x1 Inception-v3, Mixed_7b
conv2d 80 64 1x1 Inception-v3, Conv2d_3b
conv2d 16 64 1x1 SqueezeNet, squeeze
conv2d 64 16 3x3 SqueezeNet, expand
conv2d 128 96 1x1 DenseNet-121, bottleneck
conv2d 32 128 3x3 DenseNet-121, growth
conv2d 96 16 1x1 MobileNetV2, expansion
conv2d 24 144 1x1 MobileNetV2, projection
conv2d 32 3 3x3 EfficientNet-B0, stem
conv2d 8 32 1x1 EfficientNet-B0, squeeze
conv2d 96 4 1x1 EfficientNet-B0, excitation
conv2d 96 3 4x4 ConvNeXt-T, stem
conv2d 192 96 2x2 ConvNeXt-T, downsampling
conv2d 64 1 3x3 U-Net, first
conv2d 2 64 1x1 U-Net, last
conv2d 1024 3 14x14 ViT-L/14, patches
conv2d 64 64 8x8 SegFormer-B0, reduction of keys
conv2d 6 1 5x5 LeNet-5, C1
conv2d 16 6 5x5 LeNet-5, C3
conv2d 32 1 3x3 an MNIST example
conv2d 20 10 5x5 an MNIST example
conv2d 100 1 3x300 text CNN of Kim, words of 300 numbers
conv2d 320 4 3x3 Stable Diffusion, conv_in
conv2d 4 320 3x3 Stable Diffusion, conv_out
conv2d 64 1 9x9 SRCNN, first
conv2d 1 32 5x5 SRCNN, last
conv2d 32 4 8x8 DQN, conv1
conv2d 64 32 4x4 DQN, conv2
conv2d 256 17 3x3 AlphaGo Zero, first
conv2d 2 256 1x1 AlphaGo Zero, policy head
conv2d 64 6 4x4 pix2pix, first of the discriminator
conv2d 1 512 4x4 pix2pix, last of the discriminator
conv2d 3 64 7x7 CycleGAN, last of the generator
conv2d 255 1024 1x1 YOLOv3, head
conv2d 21 2048 15x1 global convolutional network
conv2d 32 1 41x11 Deep Speech 2, first
conv2d 32 32 21x11 Deep Speech 2, second
conv2d 32 16 32x1 SoundNet, second
depthwise_conv2d 32 32 3x3 MobileNetV1
depthwise_conv2d 144 144 5x5 EfficientNet-B0
depthwise_conv2d 96 96 7x7 ConvNeXt-T
depthwise_conv2d 128 128 31x31 RepLKNet
depthwise_conv2d 58 58 3x3 ShuffleNetV2
depthwise_conv2d 72 72 5x5 MobileNetV3
depthwise_conv2d 728 728 3x3 Xception
depthwise_conv2d 3840 3840 3x3 EfficientNet-B7
depthwise_conv2d 1536 1536 7x7 ConvNeXt-L
depthwise_conv2d 2048 2048 3x3 PVTv2
depthwise_conv2d 64 32 3x3 a Keras layer, multiplier 2
depthwise_conv2d 256 256 21x1 SegNeXt
depthwise_conv2d 64 64 3x1 DABNet
depthwise_conv2d 64 64 1x11 InceptionNeXt
depthwise_conv2d 16 8 22x1 EEGNet, multiplier 2
conv_transpose2d 512 1024 2x2 U-Net, upsampling
conv_transpose2d 512 100 4x4 DCGAN, first
conv_transpose2d 3 64 4x4 DCGAN, last
conv_transpose2d 21 21 16x16 FCN-8s, upsampling
conv_transpose2d 21 21 4x4 FCN-8s, first upsampling
conv_transpose2d 128 256 4x4 DCGAN, third
conv_transpose2d 1 56 9x9 FSRCNN, last
conv_transpose2d 64 256 2x2 Segment Anything, upscaling
conv_transpose2d 128 256 3x3 CycleGAN, upsampling
conv1d 512 1 10 wav2vec 2.0, first
conv1d 512 512 3 wav2vec 2.0
conv1d 512 512 2 wav2vec 2.0, last
conv1d 768 48 128 wav2vec 2.0, positions in 16 groups
conv1d 384 80 3 Whisper tiny, conv1
conv1d 384 384 3 Whisper tiny, conv2
conv1d 1280 128 3 Whisper large-v3, conv1
conv1d 25 1 7 TCN, first
conv1d 25 25 7 TCN
conv1d 32 32 2 WaveNet, dilated
conv1d 512 32 1 WaveNet, skip
conv1d 32 32 1 WaveNet, residual
conv1d 64 3 1 PointNet, first
conv1d 128 64 1 PointNet, second
conv1d 1024 128 1 PointNet, last
conv1d 128 1 80 M5, raw sound
conv1d 256 128 3 M5, third
conv1d 512 1 16 Conv-TasNet, encoder
conv1d 512 128 1 Conv-TasNet, 1 x 1
conv1d 512 80 5 Tacotron 2, postnet
conv1d 1 32 7 HiFi-GAN, last
conv1d 19 64 1 MS-TCN, classes
conv1d 256 256 11 HiFi-GAN, residual
conv1d 768 640 25 Jasper
conv1d 1024 256 9 FastSpeech
conv1d 1536 3072 1 ECAPA-TDNN
conv1d 32 1 7 EnCodec, first
conv1d 64 32 4 EnCodec, second
conv1d 80 1 251 SincNet, first
conv1d 60 80 5 SincNet, second
conv1d 512 80 7 HiFi-GAN, first
conv1d 512 512 5 Tacotron 2, postnet
conv1d 24 1 15 Wave-U-Net, first
conv1d 48 24 15 Wave-U-Net
conv1d 64 2 8 Demucs, first
conv1d 128 64 8 Demucs, second
conv1d 250 50 3 an IMDB example
conv1d 100 300 4 text CNN, words of 300 numbers
conv1d 256 70 7 character CNN
conv1d 256 256 3 character CNN, third
depthwise_conv1d 512 512 3 Conv-TasNet
depthwise_conv1d 5120 5120 4 Mamba-2.8B
depthwise_conv1d 512 512 31 Conformer
conv_transpose1d 256 512 16 HiFi-GAN, first upsampling
conv_transpose1d 32 64 4 HiFi-GAN, last upsampling
conv_transpose1d 80 80 1024 WaveGlow, upsampling
conv_transpose1d 1 512 16 Conv-TasNet, decoder
conv_transpose1d 48 96 8 Demucs
conv_transpose1d 512 1024 25 WaveGAN, first
conv_transpose1d 1 64 25 WaveGAN, last
conv_transpose1d 128 256 10 EnCodec
conv3d 64 3 3x3x3 C3D, first
conv3d 512 512 3x3x3 C3D
conv3d 64 3 7x7x7 I3D, first
conv3d 192 64 1x1x1 I3D
conv3d 45 3 1x7x7 R(2+1)D, first
conv3d 64 45 3x1x1 R(2+1)D, first
conv3d 144 64 1x3x3 R(2+1)D
conv3d 64 144 3x1x1 R(2+1)D
conv3d 8 3 5x7x7 SlowFast, fast stem
conv3d 768 3 2x16x16 VideoMAE, tubelets
conv3d 16 1 5x5x5 V-Net, first
conv3d 64 1 3x3x3 CSN, depthwise
conv_transpose3d 512 512 2x2x2 3D U-Net
conv_transpose3d 128 256 2x2x2 V-Net
conv_transpose3d 256 512 4x4x4 3D-GAN, second
conv_transpose3d 512 200 4x4x4 3D-GAN, first
conv_transpose3d 1 64 4x4x4 3D-GAN, last
"""

# A right reading of these is suspected: in another layout the same shape is a commoner layer.
# 8,1,1,64 is 64 inputs and a kernel of 1 x 1 in OHWI, 128,1,3,128 a kernel of 1 x 3.
_MISTAKEN = """
conv2d 8 1 1x64 EEGNet, first
conv2d 16 1 64x1 SoundNet, first
conv2d 128 1 3x128 text CNN, words of 128 numbers
conv_transpose2d 21 21 64x64 FCN-32s, upsampling
"""

_MODELS = """
conv2d 64 3 7x7 ResNet-50
conv2d 256 64 1x1 ResNet-50
conv2d 64 64 1x1 ResNet-50
conv2d 64 64 3x3 ResNet-50
conv2d 64 256 1x1 ResNet-50
conv2d 512 256 1x1 ResNet-50
conv2d 128 256 1x1 ResNet-50
conv2d 128 128 3x3 ResNet-50
conv2d 512 128 1x1 ResNet-50
conv2d 128 512 1x1 ResNet-50
conv2d 1024 512 1x1 ResNet-50
conv2d 256 512 1x1 ResNet-50
conv2d 256 256 3x3 ResNet-50
conv2d 1024 256 1x1 ResNet-50
conv2d 256 1024 1x1 ResNet-50
conv2d 2048 1024 1x1 ResNet-50
conv2d 512 1024 1x1 ResNet-50
conv2d 512 512 3x3 ResNet-50
conv2d 2048 512 1x1 ResNet-50
conv2d 512 2048 1x1 ResNet-50
conv2d 768 3 16x16 ViT-B/16
conv1d 1536 1 4 Mamba-130m
depthwise_conv1d 1536 1536 4 Mamba-130m
"""


def _layers(table: str) -> tuple[RealLayer, ...]:
    rows = (row.split(maxsplit=4) for row in table.strip().splitlines())
    return tuple(
        RealLayer(model, layer, int(outputs), int(inputs), tuple(map(int, kernel.split("x"))))
        for layer, outputs, inputs, kernel, model in rows
    )


LISTED = _layers(_LISTED)
MISTAKEN = _layers(_MISTAKEN)
MODELS = _layers(_MODELS)
