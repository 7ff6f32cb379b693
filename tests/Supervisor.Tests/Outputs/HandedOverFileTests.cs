using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using IsolatedAgents.Engines;
using IsolatedAgents.Outputs;
using IsolatedAgents.Protocol;
using IsolatedAgents.Runs;
using IsolatedAgents.Sandbox;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Outputs;
using Microsoft.Win32.SafeHandles;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Tests.Outputs;

/// <summary>
/// Output files on their way as open descriptors, from the supervisor's sender to the host's collector over a real socket.
/// </summary>
[TestClass]
public sealed class HandedOverFileTests : IAsyncDisposable
{
    private const int Minute = 60_000;
    private const int Large = 3_000_001;

    private readonly string _root = Directory.CreateTempSubdirectory("isolated-agents-handed-").FullName;
    private int _supervisor;
    private readonly HostChannel _channel;
    private readonly SandboxLink _link;
    private readonly OutputCollector _collector;

    public HandedOverFileTests()
    {
        string path = Path.Combine(_root, "socket");
        using Socket listener = new(AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();
        _supervisor = UnixSocket.Connect(path);
        Socket frames = listener.Accept();
        int diagnostics = UnixSocket.Connect(path);
        _link = new SandboxLink(new SocketTransport(frames, listener.Accept(), null), hasConnections: false);
        LibC.close(diagnostics);
        Descriptor.SetNonBlocking(_supervisor);
        _channel = new HostChannel(new HostStream(_supervisor, _supervisor, -1));
        _collector = new OutputCollector(OutputDirectory.Open(Output), "session", maxBytes: 1_000_000_000, maxFiles: 1000);
    }

    public required TestContext TestContext { get; init; }

    private CancellationToken Token => TestContext.CancellationToken;

    private string Output => Path.Combine(_root, "output");

    private string Source => Path.Combine(_root, "source");

    public async ValueTask DisposeAsync()
    {
        _collector.Dispose();
        await _link.DisposeAsync();
        HangUp();
        Directory.Delete(_root, recursive: true);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Send_LargeAndSmall_AllArriveAndOnlyTheSmallAsBytes()
    {
        Dictionary<string, byte[]> files = new()
        {
            ["a-empty"] = [],
            ["b-small"] = Random(100),
            ["d-script"] = Random(Large),
            ["e/between"] = Random(70_000),
            ["refused\n"] = Random(Large),
        };
        for (int number = 0; number < 100; number++)
        {
            // More than there is credit for.
            files[$"c/{number:D3}"] = Random(300_000 + number);
        }

        foreach ((string name, byte[] content) in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(Source, name))!);
            await File.WriteAllBytesAsync(Path.Combine(Source, name), content, Token);
        }

        File.SetUnixFileMode(Path.Combine(Source, "d-script"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.SetUser);
        Task sending = Task.Run(
            () =>
            {
                EntrySender sender = new(_channel, EntryFrames.Outputs);
                _channel.Hold();
                Assert.IsTrue(OutputFolder.Walk(Source, 1000, sender.Send));
                _channel.Release();
                Finish();
            },
            Token
        );
        List<SandboxFrame> frames = await CollectAsync();
        await sending;
        Assert.AreEqual(102, frames.Count(frame => frame.Type == FrameType.OutputDescriptor));
        Assert.AreEqual(70_100, frames.Where(frame => frame.Type == FrameType.OutputData).Sum(frame => frame.Payload.Length));
        Assert.IsTrue(frames.All(frame => frame.Descriptor is null or { IsClosed: true }));
        Artifact[] artifacts = [.. _collector.Commit()];
        CollectionAssert.AreEquivalent(
            files.Keys.Where(name => name != "refused\n").ToArray(),
            artifacts.Select(artifact => artifact.Name).ToArray()
        );
        foreach (Artifact artifact in artifacts)
        {
            Assert.AreEqual(Hash(files[artifact.Name]), artifact.Sha256, artifact.Name);
            Assert.AreEqual(artifact.Sha256, Hash(await File.ReadAllBytesAsync(artifact.Path, Token)), artifact.Name);
            UnixFileMode mode = File.GetUnixFileMode(artifact.Path);
            Assert.AreEqual(artifact.Name == "d-script", mode.HasFlag(UnixFileMode.UserExecute), artifact.Name);
            Assert.IsFalse(mode.HasFlag(UnixFileMode.SetUser));
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Send_HostThatNoLongerListens_IsGoneAndNothingHangs()
    {
        await File.WriteAllBytesAsync(Source, Random(Large), Token);
        await _link.DisposeAsync();
        int fd = Open(Source, OpenReadOnly);
        bool isSent = new EntrySender(_channel, EntryFrames.Outputs).Send(
            new OutputEntry("large"u8.ToArray(), OutputEntryKind.File, Large, Executable: false, fd)
        );
        LibC.close(fd);
        Assert.IsFalse(isSent);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Send_StreamThatIsNoSocket_CarriesBytes()
    {
        await File.WriteAllBytesAsync(Source, Random(300_000), Token);
        (int read, int write) = Descriptor.CreatePipe();
        (int creditRead, int creditWrite) = Descriptor.CreatePipe();
        int fd = Open(Source, OpenReadOnly);
        HostChannel channel = new(new HostStream(creditRead, write, -1));
        Task<byte[]> reading = Task.Run(() => Descriptor.ReadToEnd(read), Token);
        Assert.IsTrue(
            new EntrySender(channel, EntryFrames.Outputs).Send(
                new OutputEntry("large"u8.ToArray(), OutputEntryKind.File, 300_000, Executable: false, fd)
            )
        );
        LibC.close(write);
        byte[] sent = await reading;
        Assert.AreEqual(300_000, Decode(sent).Where(frame => frame.Type == FrameType.OutputData).Sum(frame => frame.Payload.Length));
        foreach (int end in new[] { read, creditRead, creditWrite, fd })
        {
            LibC.close(end);
        }
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_FileThatGrows_IsTakenAtTheSizeThatWasAnnounced()
    {
        byte[] content = Random(Large);
        await File.WriteAllBytesAsync(Source, content, Token);
        using SafeFileHandle source = new(Open(Source, OpenReadOnly), ownsHandle: true);
        Begin("grown", Large);
        int blocks = 0;
        await _collector.CopyAsync(
            source,
            () =>
            {
                if (blocks++ == 0)
                {
                    File.AppendAllBytes(Source, content);
                }
            },
            Token
        );
        Assert.AreEqual(Hash(content), Assert.ContainsSingle(_collector.Commit()).Sha256);
        Assert.AreEqual(Hash(content), Hash(await File.ReadAllBytesAsync(Path.Combine(Output, "grown"), Token)));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_FileThatShrinks_IsRefused()
    {
        await File.WriteAllBytesAsync(Source, Random(Large), Token);
        using SafeFileHandle source = new(Open(Source, OpenReadOnly), ownsHandle: true);
        Begin("shrunk", Large);
        ProtocolException refused = await Assert.ThrowsExactlyAsync<ProtocolException>(() =>
            _collector
                .CopyAsync(
                    source,
                    () =>
                    {
                        using FileStream cut = new(Source, FileMode.Open, FileAccess.Write);
                        cut.SetLength(1_000_000);
                    },
                    Token
                )
                .AsTask()
        );
        Assert.Contains("shorter", refused.Message);
    }

    [TestMethod]
    [DataRow(Large - 1)]
    [DataRow(Large + 1)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_AnotherSize_IsRefused(int announced)
    {
        await File.WriteAllBytesAsync(Source, Random(Large), Token);
        await AssertRefusedAsync(Open(Source, OpenReadOnly), announced);
    }

    [TestMethod]
    [DataRow("/dev/zero", OpenReadOnly)]
    [DataRow("folder", OpenReadOnly | OpenDirectory)]
    [DataRow("file", OpenPath)]
    [DataRow("file", 1, DisplayName = "for writing alone")]
    [DataRow("file", 2, DisplayName = "for reading and writing")]
    [DataRow("/proc/self/status", OpenReadOnly)]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_SomethingElseThanAReadableFile_IsRefused(string name, int flags)
    {
        string path = Path.Combine(_root, name);
        if (name == "file")
        {
            await File.WriteAllBytesAsync(path, Random(Large), Token);
        }
        else if (name == "folder")
        {
            Directory.CreateDirectory(path);
        }

        await AssertRefusedAsync(Open(path, flags), Large);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_Pipe_IsRefusedAndNotRead()
    {
        (int read, int write) = Descriptor.CreatePipe();
        await AssertRefusedAsync(read, Large);
        LibC.close(write);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_NoFileBegunOrBytesOfItCome_IsRefused()
    {
        await File.WriteAllBytesAsync(Source, Random(Large), Token);
        using SafeFileHandle source = new(Open(Source, OpenReadOnly), ownsHandle: true);
        await Assert.ThrowsExactlyAsync<ProtocolException>(() => _collector.CopyAsync(source, () => { }, Token).AsTask());
        Begin("twice", Large);
        _collector.Write(new byte[10]);
        await Assert.ThrowsExactlyAsync<ProtocolException>(() => _collector.CopyAsync(source, () => { }, Token).AsTask());
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Copy_Cancelled_EndsAndLeavesNothing()
    {
        await File.WriteAllBytesAsync(Source, Random(Large), Token);
        using SafeFileHandle source = new(Open(Source, OpenReadOnly), ownsHandle: true);
        using CancellationTokenSource cancel = CancellationTokenSource.CreateLinkedTokenSource(Token);
        using ManualResetEventSlim isCopying = new();
        using ManualResetEventSlim mayGoOn = new();
        Begin("cancelled", Large);
        Task copying = _collector
            .CopyAsync(
                source,
                () =>
                {
                    isCopying.Set();
                    mayGoOn.Wait(Token);
                },
                cancel.Token
            )
            .AsTask();
        isCopying.Wait(Token);
        await cancel.CancelAsync();
        mayGoOn.Set();
        await Assert.ThrowsAsync<OperationCanceledException>(() => copying);
        _collector.Dispose();
        Assert.IsEmpty(Directory.GetDirectories(_root));
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Link_DescriptorThatDidNotCome_IsRefused()
    {
        Descriptor.WriteAll(_supervisor, Frame.Create(FrameType.OutputDescriptor, []));
        EngineException lost = await Assert.ThrowsExactlyAsync<EngineException>(CollectAsync);
        Assert.Contains("not handed over", lost.Message);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Link_MoreDescriptorsThanThereIsCreditFor_AreRefusedAndClosed()
    {
        (int read, int write) = Descriptor.CreatePipe();
        byte[] frame = Frame.Create(FrameType.OutputDescriptor, []);
        for (int number = 0; number < 2 * Frame.MaxDescriptors; number++)
        {
            Assert.AreEqual(frame.Length, Descriptor.Send(_supervisor, frame, write));
        }

        LibC.close(write);
        HangUp();
        await _link.DisposeAsync();
        // It ends once nobody has the other end any more.
        Assert.IsEmpty(await Task.Run(() => Descriptor.ReadToEnd(read), Token));
        LibC.close(read);
    }

    [TestMethod]
    [Timeout(Minute, CooperativeCancellation = true)]
    public async Task Link_DescriptorsThatNothingAnnounces_AreRefusedAndClosed()
    {
        (int read, int write) = Descriptor.CreatePipe();
        byte[] frame = Frame.Create(
            FrameType.OutputRejected,
            new OutputRejection("a"u8.ToArray(), RejectionReason.SpecialFile).ToPayload()
        );
        for (int number = 0; number <= Frame.MaxDescriptors; number++)
        {
            Assert.AreEqual(frame.Length, Descriptor.Send(_supervisor, frame, write));
        }

        LibC.close(write);
        EngineException lost = await Assert.ThrowsExactlyAsync<EngineException>(CollectAsync);
        Assert.Contains("nothing announces", lost.Message);
        await _link.DisposeAsync();
        Assert.IsEmpty(await Task.Run(() => Descriptor.ReadToEnd(read), Token));
        LibC.close(read);
    }

    private static byte[] Random(int length)
    {
        byte[] bytes = new byte[length];
        System.Random.Shared.NextBytes(bytes);
        return bytes;
    }

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    private static unsafe int Open(string path, int flags)
    {
        fixed (byte* pointer = Descriptor.PathBytes(path))
        {
            int fd = LibC.open(pointer, flags | OpenNonBlocking | OpenCloseOnExec, 0);
            KernelException.ThrowIfFailed($"open '{path}'", fd);
            return fd;
        }
    }

    private static List<SandboxFrame> Decode(byte[] bytes)
    {
        FrameDecoder decoder = new();
        List<SandboxFrame> frames = [];
        ReadOnlySpan<byte> rest = bytes;
        while (decoder.TryRead(ref rest, out FrameType type, out byte[] payload))
        {
            frames.Add(new SandboxFrame(type, payload));
        }

        return frames;
    }

    private string? Begin(string name, long size) =>
        _collector.Begin(new OutputFile(Encoding.UTF8.GetBytes(name), size, Executable: false));

    private async Task AssertRefusedAsync(int fd, long announced)
    {
        using SafeFileHandle handed = new(fd, ownsHandle: true);
        Assert.IsNull(Begin("refused", announced));
        ProtocolException refused = await Assert.ThrowsExactlyAsync<ProtocolException>(() =>
            _collector.CopyAsync(handed, () => { }, Token).AsTask()
        );
        Assert.Contains("Something else", refused.Message);
        Assert.ThrowsExactly<ProtocolException>(() => _collector.Commit());
    }

    private void HangUp()
    {
        if (_supervisor >= 0)
        {
            LibC.close(_supervisor);
            _supervisor = -1;
        }
    }

    private void Finish()
    {
        _channel.Send(FrameType.Done, []);
        _channel.Wait(() => _channel.IsDrained, static (_, _) => { }, Minute);
    }

    // As the host does, up to the supervisor's last frame.
    private async Task<List<SandboxFrame>> CollectAsync()
    {
        List<SandboxFrame> frames = [];
        await foreach (SandboxFrame frame in _link.ReadAsync(Token))
        {
            frames.Add(frame);
            switch (frame.Type)
            {
                case FrameType.OutputFile:
                    _collector.Begin(OutputFile.FromPayload(frame.Payload));
                    break;
                case FrameType.OutputData:
                    _collector.Write(frame.Payload);
                    break;
                case FrameType.OutputDescriptor:
                    await _collector.CopyAsync(frame.Descriptor!, () => { }, Token);
                    break;
            }
        }

        return frames;
    }
}
