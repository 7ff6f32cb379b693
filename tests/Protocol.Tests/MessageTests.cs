namespace IsolatedAgents.Protocol.Tests;

[TestClass]
public sealed class MessageTests
{
    private static readonly ResourceUsage Usage = new()
    {
        CpuNanoseconds = 1,
        MemoryBytes = 2,
        MemoryPeakBytes = 3,
        Pids = 4,
        OutOfMemoryKills = 5,
        PidsDenied = 6,
        OutputBytes = 7,
        ElapsedNanoseconds = long.MaxValue,
    };

    private static readonly LaunchSpec Launch = new()
    {
        Arguments = ["python3", "/agent/ünïcode.py", ""],
        Environment = ["PATH=/bin", "EMPTY=", "MANY=a=b\nc"],
        WorkingDirectory = "/workspace",
        WorkspacePath = "/workspace",
        AgentUserId = 1001,
        AgentGroupId = 1002,
        ReadonlyPaths = ["/workspace"],
        ReadonlyInodes = [1],
        HostBootId = "b00t",
        CopiedPaths = ["/agent"],
        AllowedReadPaths = ["/usr", "/etc"],
        AllowedWritePaths = ["/output"],
        AllowedEndpoints = ["a.example:443"],
        TrustedCertificates = "certificates",
        ImageUser = "node:staff",
        ProtectedPaths = [".git/hooks"],
        IsWorkspaceWritable = true,
        MaxWorkspaceBytes = 7,
        Links = ["/workspace/a", "../b"],
        RequireLandlock = true,
        SentinelPath = "/s",
        Sentinel = "secret",
        HostNetworkNamespace = 4026531840,
        TimeoutMilliseconds = 300_000,
        GraceMilliseconds = 2000,
        UsageIntervalMilliseconds = 5000,
        MaxLogBytes = 67_108_864,
        OutputPath = "/output",
        MaxOutputBytes = 10_485_760,
        MaxOutputFiles = 1000,
        CollectOutputs = true,
        MemoryLimitBytes = 536_870_912,
        PidsLimit = 256,
        CpuMillicores = 1000,
    };

    private static IEnumerable<(string Name, byte[] Payload, Action<byte[]> Read)> Messages()
    {
        yield return ("launch", Launch.ToPayload(), payload => LaunchSpec.FromPayload(payload));
        yield return ("hello", new Hello("6.1.0", 2, 7, HasSystemCallNotification: true).ToPayload(), payload =>
            Hello.FromPayload(payload)
        );
        yield return ("setup", new SetupFailure(SetupFailureKind.Isolation, "memory limit", "none").ToPayload(), payload =>
            SetupFailure.FromPayload(payload)
        );
        yield return ("opened", new EgressOpened(1, "a.example", 443, "0100007F:0001 0100007F:01BB").ToPayload(), payload =>
            EgressOpened.FromPayload(payload)
        );
        yield return ("handover", new EgressHandover("a.example", 443).ToPayload(), payload => EgressHandover.FromPayload(payload));
        yield return ("question", new EgressQuestion(1, "0100007F:0001 0100007F:01BB").ToPayload(), payload =>
            EgressQuestion.FromPayload(payload)
        );
        yield return ("answer", new EgressAnswer(1, IsHeld: true).ToPayload(), payload => EgressAnswer.FromPayload(payload));
        yield return ("started", new Started(7, 1000, 1000).ToPayload(), payload => Started.FromPayload(payload));
        yield return ("usage", Usage.ToPayload(), payload => ResourceUsage.FromPayload(payload));
        yield return (
            "exit",
            new AgentExit
            {
                ExitCode = -1,
                Signal = 9,
                Cause = EndCause.Timeout,
                StandardOutputBytes = 1,
                StandardErrorBytes = 2,
                Usage = Usage,
            }.ToPayload(),
            payload => AgentExit.FromPayload(payload)
        );
        yield return ("found", new OutputsFound(3, 4, OutputBound.Entries).ToPayload(), payload => OutputsFound.FromPayload(payload));
        yield return ("rejection", new OutputRejection([1, 2], RejectionReason.Unreadable).ToPayload(), payload =>
            OutputRejection.FromPayload(payload)
        );
        yield return ("file", new OutputFile([0xFF, 0x41], 5, Executable: true).ToPayload(), payload => OutputFile.FromPayload(payload));
        yield return ("changes", new WorkspaceFound(3, 5, Exceeded: true).ToPayload(), payload => WorkspaceFound.FromPayload(payload));
        yield return ("request", new WorkspaceRequest(["a/b", "é"], IsComplete: true, IsLast: false).ToPayload(), payload =>
            WorkspaceRequest.FromPayload(payload)
        );
        yield return ("stop", new StopRequest(2000).ToPayload(), payload => StopRequest.FromPayload(payload));
        yield return ("credit", new Credit(1024).ToPayload(), payload => Credit.FromPayload(payload));
    }

    [TestMethod]
    public void Entries_ThereAndBack_AreTheSameAndRefusedWhereTheyAreCutOff()
    {
        byte[] payload = new WorkspaceEntries([
            new(WorkspaceEntryKind.File, IsExecutable: true, 7, [0xFF, 0x41], []),
            new(WorkspaceEntryKind.Link, IsExecutable: false, 0, [0x43], [0x42]),
        ]).ToPayload();
        WorkspaceEntries read = WorkspaceEntries.FromPayload(payload);
        CollectionAssert.AreEqual(payload, read.ToPayload());
        Assert.AreEqual(WorkspaceEntryKind.Link, read.Entries[1].Kind);
        Assert.ThrowsExactly<ProtocolException>(() => WorkspaceEntries.FromPayload(payload.AsSpan(0, payload.Length - 1)));
        payload[0] = 99;
        Assert.ThrowsExactly<ProtocolException>(() => WorkspaceEntries.FromPayload(payload));
    }

    [TestMethod]
    public void Request_OfManyFiles_IsSplitWithinTheBound()
    {
        string[] paths = [.. Enumerable.Range(0, 20_000).Select(i => $"folder/{i}")];
        WorkspaceRequest[] requests =
        [
            .. WorkspaceRequest
                .Split(paths, isLast: true)
                .Select(request =>
                    WorkspaceRequest.FromPayload(Frame.Create(FrameType.WorkspaceRequest, request.ToPayload()).AsSpan(Frame.HeaderLength))
                ),
        ];
        CollectionAssert.AreEqual(paths, requests.SelectMany(request => request.Paths).ToArray());
        CollectionAssert.AreEqual(
            requests.Select((_, i) => i == requests.Length - 1).ToArray(),
            requests.Select(request => request.IsComplete).ToArray()
        );
    }

    [TestMethod]
    public void Launch_ThereAndBack_IsTheSame()
    {
        LaunchSpec read = LaunchSpec.FromPayload(Launch.ToPayload());
        CollectionAssert.AreEqual(Launch.Arguments, read.Arguments);
        CollectionAssert.AreEqual(Launch.Environment, read.Environment);
        CollectionAssert.AreEqual(Launch.ReadonlyPaths, read.ReadonlyPaths);
        CollectionAssert.AreEqual(Launch.CopiedPaths, read.CopiedPaths);
        CollectionAssert.AreEqual(Launch.AllowedReadPaths, read.AllowedReadPaths);
        CollectionAssert.AreEqual(Launch.AllowedWritePaths, read.AllowedWritePaths);
        CollectionAssert.AreEqual(Launch.AllowedEndpoints, read.AllowedEndpoints);
        CollectionAssert.AreEqual(Launch.ProtectedPaths, read.ProtectedPaths);
        CollectionAssert.AreEqual(Launch.ReadonlyInodes, read.ReadonlyInodes);
        Assert.AreEqual(
            Launch,
            read with
            {
                Arguments = Launch.Arguments,
                Environment = Launch.Environment,
                ReadonlyPaths = Launch.ReadonlyPaths,
                CopiedPaths = Launch.CopiedPaths,
                ReadonlyInodes = Launch.ReadonlyInodes,
                AllowedReadPaths = Launch.AllowedReadPaths,
                AllowedWritePaths = Launch.AllowedWritePaths,
                ProtectedPaths = Launch.ProtectedPaths,
                Links = Launch.Links,
                AllowedEndpoints = Launch.AllowedEndpoints,
            }
        );
    }

    [TestMethod]
    public void Exit_ThereAndBack_IsTheSame()
    {
        AgentExit exit = new()
        {
            ExitCode = 3,
            Signal = 0,
            Cause = EndCause.OutputLimit,
            StandardOutputBytes = 10,
            StandardErrorBytes = 20,
            Usage = Usage,
        };
        Assert.AreEqual(exit, AgentExit.FromPayload(exit.ToPayload()));
    }

    [TestMethod]
    public void FromPayload_CutAnywhereOrTooLong_IsRefused()
    {
        foreach ((string name, byte[] payload, Action<byte[]> read) in Messages())
        {
            read(payload);
            for (int length = 0; length < payload.Length; length++)
            {
                Assert.ThrowsExactly<ProtocolException>(() => read(payload[..length]), $"{name} cut at {length}");
            }

            Assert.ThrowsExactly<ProtocolException>(() => read([.. payload, 0]), $"{name} with a byte too many");
        }
    }

    [TestMethod]
    public void FromPayload_AnyByteChanged_IsReadOrRefused()
    {
        Random random = new(20261122);
        foreach ((_, byte[] payload, Action<byte[]> read) in Messages())
        {
            for (int round = 0; round < 2000; round++)
            {
                byte[] changed = [.. payload];
                changed[random.Next(changed.Length)] = (byte)random.Next(256);
                try
                {
                    read(changed);
                }
                catch (ProtocolException)
                {
                    // The one way to say no.
                }
            }
        }
    }

    [TestMethod]
    public void Texts_CountLargerThanTheMessage_IsRefusedWithoutAllocatingIt()
    {
        byte[] payload = new MessageWriter().Int32(int.MaxValue).Written.ToArray();
        Assert.ThrowsExactly<ProtocolException>(() => new MessageReader(payload).Texts());
    }

    [TestMethod]
    public void Activities_InOneFrame_AreRead()
    {
        byte[] payload =
        [
            .. Encode(ActivityKind.FileRead, DenialReason.None, count: 2, "/a"u8, ""u8),
            .. Encode(ActivityKind.FileDenied, DenialReason.SensitivePath, count: 1, "/b"u8, "read"u8),
        ];

        List<Activity> read = Activity.FromPayload(payload);

        Assert.HasCount(2, read);
        Assert.AreEqual(
            (ActivityKind.FileRead, 2, "/a"),
            (read[0].Kind, read[0].Count, System.Text.Encoding.UTF8.GetString(read[0].Subject))
        );
        Assert.AreEqual(
            (DenialReason.SensitivePath, 7, "read"),
            (read[1].Reason, read[1].ProcessId, System.Text.Encoding.UTF8.GetString(read[1].Detail))
        );
        for (int length = 0; length < payload.Length; length++)
        {
            if (length != new ActivityNote { Subject = "/a"u8 }.EncodedLength)
            {
                Assert.ThrowsExactly<ProtocolException>(() => Activity.FromPayload(payload.AsSpan(0, length)), $"{length} bytes");
            }
        }
    }

    [TestMethod]
    public void Activities_CountOfNothing_IsRefused() =>
        Assert.ThrowsExactly<ProtocolException>(() =>
            Activity.FromPayload(Encode(ActivityKind.FileRead, DenialReason.None, count: 0, "/a"u8, ""u8))
        );

    private static byte[] Encode(ActivityKind kind, DenialReason reason, int count, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> detail)
    {
        ActivityNote note = new()
        {
            Kind = kind,
            Reason = reason,
            ProcessId = 7,
            Count = count,
            Subject = subject,
            Detail = detail,
        };
        byte[] encoded = new byte[note.EncodedLength];
        note.Write(encoded);
        return encoded;
    }
}
