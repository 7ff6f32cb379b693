using System.Diagnostics;
using System.Globalization;
using IsolatedAgents.Text;
using Microsoft.Net.Http.Client;

namespace IsolatedAgents.Engines.Docker;

/// <summary>
/// The two streams of an ssh client as one. Where the client never got through, reading and writing fail with what it said.
/// </summary>
internal sealed class SshStream : WriteClosableStream
{
    private const int MaxSaid = 300;

    // What was written is on its way when the stream is closed, and a client that has its end comes to one by itself.
    private static readonly TimeSpan EndDeadline = TimeSpan.FromSeconds(2);

    private readonly Process _process;
    private readonly string _host;
    private readonly Action<SshStream> _onClosed;
    private readonly Stream _input;
    private readonly Stream _output;
    private readonly Task<string> _said;
    private bool _hasRead;
    private int _closed;

    public SshStream(Process process, string host, Action<SshStream> onClosed)
    {
        _process = process;
        _host = host;
        _onClosed = onClosed;
        _input = process.StandardInput.BaseStream;
        _output = process.StandardOutput.BaseStream;
        _said = ReadLastLineAsync(process.StandardError);
    }

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override bool CanCloseWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void CloseWrite() => _input.Close();

    /// <summary>Ends the client at once, whatever it is at.</summary>
    public void Kill()
    {
        Dispose();
        try
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit(EndDeadline);
        }
        catch (InvalidOperationException)
        {
            // It has ended by itself.
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await _output.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        if (read == 0 && !_hasRead && buffer.Length > 0)
        {
            throw await DescribeEndAsync().ConfigureAwait(false);
        }

        _hasRead |= read > 0;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            await _input.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
            await _input.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (IOException) when (!_hasRead)
        {
            throw await DescribeEndAsync().ConfigureAwait(false);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    public override void Flush() { }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && Interlocked.Exchange(ref _closed, 1) == 0)
        {
            _input.Dispose();
            _ = EndAsync();
        }

        base.Dispose(disposing);
    }

    private async Task EndAsync()
    {
        if (!await HasEndedAsync().ConfigureAwait(false))
        {
            try
            {
                _process.Kill(entireProcessTree: true);
            }
            catch (InvalidOperationException)
            {
                // It has ended meanwhile.
            }
        }

        _onClosed(this);
        await ((Task)_said).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _process.Dispose();
    }

    private async Task<bool> HasEndedAsync()
    {
        using CancellationTokenSource limit = new(EndDeadline);
        await _process.WaitForExitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return _process.HasExited;
    }

    // Instead of what became of the pipe, which says nothing.
    private async Task<IOException> DescribeEndAsync()
    {
        if (!await HasEndedAsync().ConfigureAwait(false))
        {
            return new IOException($"ssh to '{_host}' closed its streams and did not end");
        }

        string said = await _said.ConfigureAwait(false);
        return new IOException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"ssh to '{_host}' ended with exit code {_process.ExitCode}{(said.Length > 0 ? $": {said}" : "")}"
            )
        );
    }

    // The last line is the reason. All of it is read, since a client that cannot write waits.
    private static async Task<string> ReadLastLineAsync(StreamReader error)
    {
        char[] buffer = new char[1024];
        string text = "";
        int read;
        while ((read = await error.ReadAsync(buffer).ConfigureAwait(false)) > 0)
        {
            text += new string(buffer, 0, read);
            text = text[Math.Max(0, text.Length - (2 * MaxSaid))..];
        }

        string last = text.Split('\n').LastOrDefault(line => !string.IsNullOrWhiteSpace(line)) ?? "";
        return UntrustedText.Display(last.Trim()[..Math.Min(last.Trim().Length, MaxSaid)]);
    }
}
