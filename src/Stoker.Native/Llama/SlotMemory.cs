using Microsoft.Win32.SafeHandles;
using Stoker.Native.Libc;

namespace Stoker.Native.Llama;

/// <summary>
/// The memory under a context's attention caches, taken over when the context was made: each slot's part of each tensor can be
/// mapped from a file. Belongs to its <see cref="LlamaContext"/> and ends with it. Not thread-safe: for the thread that decodes,
/// between two decode calls.
/// </summary>
public sealed unsafe class SlotMemory
{
    private readonly List<CacheBuffer> _buffers = [];
    private readonly List<SlotTensor> _tensors = [];
    private readonly LeftMappings _left = new();
    private readonly int _slots;
    private List<(StateRange Range, nint Host)>? _recording;
    private int _caches;
    private bool _closed;

    internal SlotMemory(int slots) => _slots = slots;

    /// <summary>Keys and values, in the order in which llama.cpp made them: a layer's keys, its values, the next layer's ...</summary>
    public IReadOnlyList<SlotTensor> Tensors => _tensors;

    /// <summary>Why slots cannot be mapped, or null.</summary>
    public string? Problem { get; internal set; }

    /// <summary>Bytes of a page.</summary>
    public static int PageBytes => Environment.SystemPageSize;

    /// <summary>Maps a part of a slot's tensor from a file, in place of what was there. All numbers are multiples of the page size.</summary>
    /// <exception cref="LibcException">The file cannot be mapped.</exception>
    public void Map(int slot, int tensor, long offset, long length, SafeFileHandle file, long fileOffset, bool writable)
    {
        if (length == 0) return;
        const int read = 1, readWrite = 3, sharedFixedNoReserve = 0x4011;
        var address = At(slot, tensor, offset, length);
        Mapped(LibcNative.mmap(address, (nuint)length, writable ? readWrite : read, sharedFixedNoReserve, file, fileOffset));
        _left.Note(address, length);
    }

    /// <summary>
    /// Takes the pages that are mapped under a slot away, to be unmapped by another thread: before something else is mapped there,
    /// which then takes no time for them. The slot is not to be read in between.
    /// </summary>
    public void SetAside(int slot)
    {
        for (var tensor = 0; tensor < _tensors.Count; tensor++) _left.MoveAside(At(slot, tensor, 0, _tensors[tensor].SlotBytes), _tensors[tensor].SlotBytes);
    }

    /// <summary>Waits, seconds at most, until what was set aside is unmapped. Thread-safe.</summary>
    public void Drain() => _left.Drain();

    /// <summary>Puts empty pages under a slot; what it had is gone, or stays in its file.</summary>
    /// <exception cref="LibcException">OutOfMemory: too many mappings.</exception>
    public void Unmap(int slot)
    {
        for (var tensor = 0; tensor < _tensors.Count; tensor++)
        {
            var length = _tensors[tensor].SlotBytes;
            var address = At(slot, tensor, 0, length);
            Mapped(LibcNative.mmap(address, (nuint)length, AnonymousProtection, AnonymousFixed, -1, 0));
            _left.Forget(address, length);
        }
    }

    /// <summary>
    /// Takes the first pages of a slot's tensor out of this process; their files' page cache keeps them. Only where a file is mapped:
    /// empty pages would lose what was written to them. A hint: failure is no error.
    /// </summary>
    public void Drop(int slot, int tensor, long length)
    {
        const int dontNeed = 4; // MADV_DONTNEED
        if (length > 0) _ = LibcNative.madvise(At(slot, tensor, 0, length), (nuint)length, dontNeed);
    }

    /// <summary>Whether a touched page of a part of a slot's tensor brings its neighbours along from the file. A hint: failure is no error.</summary>
    /// <param name="offset">A multiple of the page size, like <paramref name="length"/>.</param>
    public void AdviseReadAhead(int slot, int tensor, long offset, long length, bool readAhead)
    {
        const int normal = 0, random = 1; // MADV_NORMAL, MADV_RANDOM
        if (length <= 0) return;
        var address = At(slot, tensor, offset, length);
        _ = LibcNative.madvise(address, (nuint)length, readAhead ? normal : random);
        _left.Note(address, length);
    }

    /// <summary>
    /// Brings the first bytes of a slot's tensor from their files into memory, exactly those, if the first and the last of them are
    /// not there. Does not wait for the disk. A hint: failure is no error.
    /// </summary>
    public void Fetch(int slot, int tensor, long length)
    {
        const int willNeed = 3; // MADV_WILLNEED
        var whole = (length + PageBytes - 1) / PageBytes * PageBytes;
        var start = At(slot, tensor, 0, whole);
        if (!IsResident(start) || !IsResident(start + (nint)(whole - PageBytes))) _ = LibcNative.madvise(start, (nuint)whole, willNeed);

        static bool IsResident(nint page)
        {
            byte state = 1;
            return LibcNative.mincore(page, (nuint)PageBytes, &state) != 0 || (state & 1) != 0;
        }
    }

    /// <summary>Gives the pages of intermediate results back to the kernel; the next decode finds zeros and writes them anew.</summary>
    /// <returns>Bytes of that memory, whether they had been touched or not.</returns>
    public long ReleaseWork()
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        const int dontNeed = 4; // MADV_DONTNEED
        var released = 0L;
        foreach (var buffer in _buffers)
        {
            // Its tensors come with the first graph, when nobody looks at names any more: the library's own mark tells.
            if (buffer.Kind is not (CacheKind.Work or CacheKind.Unknown) || !BufferHook.IsWorkMemory(buffer.Native)) continue;
            if (LibcNative.madvise(buffer.Address, buffer.MappedSize, dontNeed) == 0) released += (long)buffer.MappedSize;
        }
        return released;
    }

    /// <summary>A slot's state without the rows that lie in the caches.</summary>
    /// <param name="inPlaceOnly">Only what is rewritten in place (LLAMA_STATE_SEQ_FLAGS_PARTIAL_ONLY), for models that have it.</param>
    /// <exception cref="LlamaException">Decode: the library does not hand it out.</exception>
    public SparseState ReadState(LlamaContext context, int slot, bool inPlaceOnly)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var flags = inPlaceOnly ? 1u : 0;
        var size = LlamaNative.llama_state_seq_get_size_ext(context, slot, flags);
        var (address, mapped) = ReserveBlob(size);
        _recording = [];
        try
        {
            var written = LlamaNative.llama_state_seq_get_data_ext(context, (byte*)address, size, slot, flags);
            if (written != size) throw new LlamaException(LlamaFailure.Decode, $"llama.cpp hands out {written} bytes of the {size} of slot {slot}'s state.");
            var parts = new List<(long, ReadOnlyMemory<byte>)>();
            var at = 0L;
            foreach (var (range, host) in _recording.OrderBy(static entry => entry.Host))
            {
                AddPart(host - address);
                at = host - address + range.Length;
            }
            AddPart((long)size);
            return new SparseState((long)size, parts, [.. _recording.Select(static entry => entry.Range)]);

            void AddPart(long end)
            {
                if (end > at) parts.Add((at, new ReadOnlySpan<byte>((byte*)address + at, checked((int)(end - at))).ToArray()));
            }
        }
        finally
        {
            _recording = null;
            _ = LibcNative.munmap(address, mapped);
        }
    }

    /// <summary>Gives a slot a state whose rows lie under it already; nothing is copied into the caches.</summary>
    /// <returns>Where the library would have put the rows: the caller checks that they are there.</returns>
    /// <exception cref="LlamaException">Argument: refused; the slot is empty then.</exception>
    public IReadOnlyList<StateRange> WriteState(LlamaContext context, int slot, SparseState state)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var (address, mapped) = ReserveBlob((nuint)state.SizeBytes);
        _recording = [];
        try
        {
            foreach (var (at, bytes) in state.Parts)
            {
                if (at < 0 || at + bytes.Length > state.SizeBytes) throw new LlamaException(LlamaFailure.Argument, "A part of the state lies outside of it.");
                bytes.Span.CopyTo(new Span<byte>((byte*)address + at, bytes.Length));
            }
            context.PutState(slot, (byte*)address, (nuint)state.SizeBytes);
            return [.. _recording.Select(static entry => entry.Range)];
        }
        finally
        {
            _recording = null;
            _ = LibcNative.munmap(address, mapped);
        }
    }

    internal CacheBuffer AddBuffer(nuint size)
    {
        var mapped = (size + (nuint)PageBytes - 1) / (nuint)PageBytes * (nuint)PageBytes;
        var address = Mapped(LibcNative.mmap(0, mapped, AnonymousProtection, AnonymousAnywhere, -1, 0));
        var buffer = new CacheBuffer(address, size, mapped);
        _buffers.Add(buffer);
        return buffer;
    }

    internal void AddTensor(CacheBuffer buffer, string name, nint data, nuint bytes)
    {
        if (buffer.Kind == CacheKind.Unknown)
        {
            buffer.Kind = KindOf(name);
            if (buffer.Kind == CacheKind.Attention) _caches++;
        }
        // A space: the slots' views of a tensor that was named before.
        if (buffer.Kind != CacheKind.Attention || name.Contains(' ', StringComparison.Ordinal)) return;
        var slotBytes = (long)bytes / _slots;
        var page = PageBytes;
        if (KindOf(name) != CacheKind.Attention) Problem ??= $"its cache has a tensor {name}, which is not known";
        else if ((long)bytes % _slots != 0 || slotBytes % page != 0 || data % page != 0) Problem ??= $"a slot's part of {name} ({slotBytes} bytes) does not fill whole pages";
        _tensors.Add(new SlotTensor(name, _caches - 1, slotBytes) { Address = data });
    }

    internal void RemoveBuffer(CacheBuffer buffer)
    {
        _closed = true;
        _buffers.Remove(buffer);
        _ = LibcNative.munmap(buffer.Address, buffer.MappedSize);
    }

    /// <summary>The context is made: no tensor is added any more.</summary>
    internal void Finish()
    {
        foreach (var buffer in _buffers) BufferHook.Forget(buffer.Native);
    }

    /// <summary>While a state is read or written: notes a piece of a slot's tensor instead of letting it be copied.</summary>
    internal bool TryRecord(nint address, long length, nint host)
    {
        if (_recording is null) return false;
        for (var i = 0; i < _tensors.Count; i++)
        {
            var tensor = _tensors[i];
            var offset = (long)(address - tensor.Address);
            if (offset < 0 || offset >= tensor.SlotBytes * _slots) continue;
            var slot = (int)(offset / tensor.SlotBytes);
            _recording.Add((new StateRange(i, slot, offset % tensor.SlotBytes, length), host));
            return true;
        }
        return false;
    }

    private const int AnonymousProtection = 3;         // read, write
    private const int AnonymousAnywhere = 0x4022;      // private, anonymous, no reserve
    private const int AnonymousFixed = 0x4032;         // the same, in place of what is there

    // Names are cache_k_l7, cache_v_l7, cache_r_l7; a tag before the letter (cache_idx_k_l7) is another kind of cache.
    private static CacheKind KindOf(string name)
    {
        if (!name.StartsWith("cache_", StringComparison.Ordinal)) return CacheKind.Work;
        return name.StartsWith("cache_k_l", StringComparison.Ordinal) || name.StartsWith("cache_v_l", StringComparison.Ordinal)
            ? CacheKind.Attention
            : CacheKind.Recurrent;
    }

    private static (nint Address, nuint Mapped) ReserveBlob(nuint size)
    {
        var mapped = Math.Max(size, 1);
        return (Mapped(LibcNative.mmap(0, mapped, AnonymousProtection, AnonymousAnywhere, -1, 0)), mapped);
    }

    private static nint Mapped(nint address)
    {
        const nint failed = -1;
        return address == failed ? throw LibcException.Last("mmap", "the KV cache") : address;
    }

    private nint At(int slot, int tensor, long offset, long length)
    {
        ObjectDisposedException.ThrowIf(_closed, this);
        var known = _tensors[tensor];
        if ((uint)slot >= (uint)_slots || offset < 0 || length < 0 || offset + length > known.SlotBytes)
            throw new ArgumentOutOfRangeException(nameof(offset), offset, $"Outside of slot {slot} of {known.Name}.");
        return known.Address + (nint)((slot * known.SlotBytes) + offset);
    }
}
