using Stoker.Engine.Protocol;

namespace Stoker.Engine.Kv;

/// <summary>A conversation outside of its slot.</summary>
/// <param name="Cells">Tokens whose cells it has.</param>
/// <param name="State">
/// What does not lie in its file: nothing for attention-only models, the recurrent state of hybrid ones; in
/// <see cref="KvMode.Ram"/> everything.
/// </param>
public readonly record struct KvState(int Cells, byte[] State);
