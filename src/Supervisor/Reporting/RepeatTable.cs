using System.Runtime.InteropServices;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Paths;

namespace IsolatedAgents.Supervisor.Reporting;

/// <summary>The activities reported within this second, so that repeats are counted. The table reuses its memory each second.</summary>
internal sealed class RepeatTable
{
    private const int MaxEntries = 4096;
    private const int MaxTextBytes = 1024 * 1024;

    // Twice as many places as entries, and some for those that are always taken.
    private const int Places = 4 * MaxEntries;
    private const int MaxReserved = 1024;

    // A place holds the number of an entry, from 1, and above it bits of its hash, by which nearly all others are told apart without a look
    // at them.
    private const uint NumberMask = (1 << 13) - 1;

    private readonly uint[] _places = new uint[Places];
    private readonly Entry[] _entries = new Entry[MaxEntries + MaxReserved];
    private byte[] _texts = new byte[64 * 1024];
    private int _textBytes;

    public int Count { get; private set; }

    /// <summary>
    /// Counts one more of what was told before. False where it was not; then <paramref name="place"/> is where to add it.
    /// </summary>
    public bool TryCount(in ActivityNote note, out Place place)
    {
        place = Find(in note);
        uint number = _places[place.Index] & NumberMask;
        if (number == 0)
        {
            return false;
        }

        _entries[number - 1].Repeats++;
        return true;
    }

    /// <summary>
    /// Remembers something that <see cref="TryCount"/> did not know just now. False where there is no place left for it, which there always
    /// is where it <paramref name="isReserved"/>, as few are.
    /// </summary>
    public bool TryAdd(Place place, bool isReserved, in ActivityNote note)
    {
        ReadOnlySpan<byte> subject = note.Subject;
        ReadOnlySpan<byte> detail = note.Detail;
        if (!isReserved && (Count >= MaxEntries || _textBytes > MaxTextBytes))
        {
            return false;
        }

        _entries[Count++] = new Entry
        {
            Kind = note.Kind,
            Reason = note.Reason,
            ProcessId = note.ProcessId,
            Port = note.Port,
            Start = _textBytes,
            SubjectLength = subject.Length,
            DetailLength = detail.Length,
        };
        _places[place.Index] = place.Tag | (uint)Count;
        if (_textBytes + subject.Length + detail.Length > _texts.Length)
        {
            Array.Resize(ref _texts, Math.Max(_texts.Length * 2, _textBytes + subject.Length + detail.Length));
        }

        subject.CopyTo(_texts.AsSpan(_textBytes));
        detail.CopyTo(_texts.AsSpan(_textBytes + subject.Length));
        _textBytes += subject.Length + detail.Length;
        return true;
    }

    /// <summary>One of <see cref="Count"/>, in the order in which they came; its count is that of the repeats, which may be 0.</summary>
    public ActivityNote this[int index] => NoteOf(in _entries[index]);

    public void Clear()
    {
        Array.Clear(_places);
        Count = 0;
        _textBytes = 0;
    }

    // Where it is, or would be.
    private Place Find(in ActivityNote note)
    {
        ulong hash = TextHash.Add(
            TextHash.Add(((ulong)note.Kind << 32) | ((ulong)note.Reason << 24) | (uint)note.Port, note.Subject),
            note.Detail
        );
        uint tag = (uint)(hash >> 32) & ~NumberMask;
        int index = (int)hash & (Places - 1);
        while (
            _places[index] != 0
            && ((_places[index] & ~NumberMask) != tag || !IsSame(in _entries[(_places[index] & NumberMask) - 1], in note))
        )
        {
            index = (index + 1) & (Places - 1);
        }

        return new Place(index, tag);
    }

    private bool IsSame(ref readonly Entry entry, in ActivityNote note) =>
        entry.Kind == note.Kind
        && entry.Reason == note.Reason
        && entry.Port == note.Port
        && SubjectOf(in entry).SequenceEqual(note.Subject)
        && DetailOf(in entry).SequenceEqual(note.Detail);

    private ActivityNote NoteOf(ref readonly Entry entry) =>
        new()
        {
            Kind = entry.Kind,
            Reason = entry.Reason,
            ProcessId = entry.ProcessId,
            Port = entry.Port,
            Count = entry.Repeats,
            Subject = SubjectOf(in entry),
            Detail = DetailOf(in entry),
        };

    private ReadOnlySpan<byte> SubjectOf(ref readonly Entry entry) => _texts.AsSpan(entry.Start, entry.SubjectLength);

    private ReadOnlySpan<byte> DetailOf(ref readonly Entry entry) => _texts.AsSpan(entry.Start + entry.SubjectLength, entry.DetailLength);

    [StructLayout(LayoutKind.Auto)]
    private struct Entry
    {
        public ActivityKind Kind;
        public DenialReason Reason;
        public int ProcessId;
        public int Port;
        public int Repeats;
        public int Start;
        public int SubjectLength;
        public int DetailLength;
    }

    /// <summary>A place for a new entry; it is void once another entry was added.</summary>
    internal readonly record struct Place(int Index, uint Tag);
}
