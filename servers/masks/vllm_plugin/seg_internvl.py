"""InternVL and InternLM2 for vLLM, declaring and giving the states between layers."""

from itertools import islice

from vllm.model_executor.models.interfaces import EagleModelMixin, SupportsEagle, SupportsEagle3
from vllm.model_executor.models.internlm2 import InternLM2ForCausalLM, InternLM2Model
from vllm.model_executor.models.internvl import (
    InternVLChatModel,
    InternVLDummyInputsBuilder,
    InternVLMultiModalProcessor,
    InternVLProcessingInfo,
)
from vllm.multimodal import MULTIMODAL_REGISTRY


@MULTIMODAL_REGISTRY.register_processor(
    InternVLMultiModalProcessor, info=InternVLProcessingInfo, dummy_inputs=InternVLDummyInputsBuilder
)
class SegInternVLChatModel(InternVLChatModel, SupportsEagle, SupportsEagle3):
    pass


class _InternLM2Model(InternLM2Model, EagleModelMixin):
    def forward(self, input_ids, positions, intermediate_tensors=None, inputs_embeds=None):
        hidden = self.embed_input_ids(input_ids) if inputs_embeds is None else inputs_embeds
        residual, kept = None, []
        self._maybe_add_hidden_state(kept, 0, hidden, residual)
        for index, layer in enumerate(islice(self.layers, self.start_layer, self.end_layer), start=1):
            hidden, residual = layer(positions, hidden, residual)
            self._maybe_add_hidden_state(kept, index, hidden, residual)
        hidden, _ = self.norm(hidden, residual)
        return (hidden, kept) if kept else hidden


class SegInternLM2ForCausalLM(InternLM2ForCausalLM, SupportsEagle, SupportsEagle3):
    def __init__(self, *, vllm_config, prefix=""):
        super().__init__(vllm_config=vllm_config, prefix=prefix, model_type=_InternLM2Model)
