using System.Buffers;
using IsolatedAgents.Sockets;

namespace IsolatedAgents.Egress.Relaying;

/// <summary>
/// Reads one way of a connection into a bounded buffer, so that what was looked at can still be passed on. One reader at a time.
/// </summary>
/// <param name="stream">Where bytes come from.</param>
/// <param name="capacity">The most bytes that are held.</param>
internal sealed class BufferedReader(DuplexStream stream, int capacity) : IDisposable
{
    private const int FirstSize = 16 * 1024;

    private byte[] _buffer = [];
    private int _start;
    private int _end;
    private bool _isReading;
    private Task<int>? _pending;

    public DuplexStream Stream => stream;

    /// <summary>Whether the other side has said that nothing more comes.</summary>
    public bool IsEnded { get; private set; }

    /// <summary>Whether no more can be held.</summary>
    public bool IsFull => _end - _start >= capacity;

    /// <summary>The bytes that were read and are not yet consumed. Valid until the next <see cref="FillAsync"/>.</summary>
    public ReadOnlyMemory<byte> Available => _buffer.AsMemory(_start, _end - _start);

    public void Consume(int count)
    {
        _start += count;
        if (_start == _end && _pending is null)
        {
            _start = _end = 0;
        }
    }

    /// <summary>Whether a read was begun and not yet taken by <see cref="FillAsync"/>.</summary>
    public bool IsFilling => _pending is not null;

    /// <summary>
    /// Begins to read on, for whoever waits for something else at the same time. The next <see cref="FillAsync"/> takes the result.
    /// </summary>
    public Task<int> BeginFill() => _pending ??= ReadAsync().AsTask();

    /// <summary>Reads on. Gives 0 at the end of the stream.</summary>
    public async ValueTask<int> FillAsync()
    {
        // What was read becomes visible here and nowhere else: a read that ends meanwhile must not change what a caller looks at.
        int read = _pending is { } pending ? await pending.ConfigureAwait(false) : await ReadAsync().ConfigureAwait(false);
        _pending = null;
        _end += read;
        IsEnded = read == 0;
        return read;
    }

    private async ValueTask<int> ReadAsync()
    {
        if (IsEnded)
        {
            return 0;
        }

        MakeRoom();
        _isReading = true;
        int read = await stream.ReadAsync(_buffer.AsMemory(_end)).ConfigureAwait(false);
        _isReading = false;
        return read;
    }

    /// <summary>Gives the buffer back for as long as nothing is in it: who waits for long needs none.</summary>
    public void Release()
    {
        if (_start == _end && _pending is null && !_isReading && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = [];
            _start = _end = 0;
        }
    }

    /// <summary>Gives the buffer back, but not where a read may still write to it.</summary>
    public void Dispose()
    {
        if (!_isReading && _buffer.Length > 0)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = [];
        _start = _end = 0;
    }

    private void MakeRoom()
    {
        if (_start > 0 && _end == _buffer.Length)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end < _buffer.Length)
        {
            return;
        }

        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(FirstSize, Math.Min(capacity, _buffer.Length * 2)));
        if (_buffer.Length > 0)
        {
            _buffer.AsSpan(0, _end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
        }

        _buffer = larger;
    }
}
