using IsolatedAgents.Events;
using IsolatedAgents.Events.Streaming;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Core.Tests.Events;

[TestClass]
public sealed class EventStreamTests
{
    public required TestContext TestContext { get; init; }

    [TestMethod]
    public async Task Raise_FromManyThreads_KeepsOrderWithoutGaps()
    {
        var sink = new Collector();
        await using var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(TimeProvider.System), [sink]);
        await Parallel.ForAsync(0, 10_000, TestContext.CancellationToken, async (i, token) =>
        {
            if (i % 3 == 0)
            {
                stream.Raise(new FileRead("a"));
            }
            else
            {
                await stream.RaiseAsync(new AgentOutput(OutputStream.Standard, "x", false), token);
            }
        });

        await stream.CompleteAsync();

        CollectionAssert.AreEqual(Enumerable.Range(1, 10_000).Select(i => (long)i).ToArray(), sink.Events.ConvertAll(e => e.Sequence));
        CollectionAssert.AreEqual(sink.Events.ConvertAll(e => e.Timestamp).Order().ToArray(), sink.Events.ConvertAll(e => e.Timestamp));
        Assert.IsTrue(sink.Events.TrueForAll(e => e.SessionId == "s-1"));
    }

    [TestMethod]
    public async Task Raise_ClockSetBack_KeepsDifferences()
    {
        var time = new JumpingTime();
        var sink = new Collector();
        await using var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(time), [sink]);
        stream.Raise(new FileRead("a"));
        time.Timestamp += 5 * time.TimestampFrequency;
        time.Now = time.Now.AddYears(-6);
        stream.Raise(new FileRead("b"));

        await stream.CompleteAsync();

        Assert.AreEqual(TimeSpan.FromSeconds(5), sink.Events[1].Timestamp - sink.Events[0].Timestamp);
    }

    [TestMethod]
    public async Task LimitWaiting_SinkThatStandsStill_HoldsNobodyUpAnyMore()
    {
        using var stuck = new Stuck();
        var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(TimeProvider.System), [new Collector(), stuck]);
        Task flood = Task.Run(
            async () =>
            {
                for (int i = 0; i < 2 * EventStream.Capacity; i++)
                {
                    await stream.RaiseAsync(new FileRead("a"), CancellationToken.None);
                }
            },
            TestContext.CancellationToken
        );
        await stuck.Entered.Task.WaitAsync(TestContext.CancellationToken);
        stream.LimitWaiting(TimeSpan.FromMilliseconds(50));
        await flood;
        await stream.CompleteAsync();
        await stream.DisposeAsync();
        Assert.IsTrue(stream.IsStalled);
        Assert.StartsWith("Stuck: It did not take an event", Assert.ContainsSingle(stream.LostSinks));
    }

    [TestMethod]
    public async Task LimitWaiting_SinkThatIsSlow_GetsEverything()
    {
        var sink = new Collector();
        await using var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(TimeProvider.System), [new Slow(), sink]);
        stream.LimitWaiting(TimeSpan.FromSeconds(2));
        for (int i = 0; i < 300; i++)
        {
            await stream.RaiseAsync(new FileRead("a"), TestContext.CancellationToken);
        }

        await stream.CompleteAsync();
        Assert.IsFalse(stream.IsStalled);
        Assert.HasCount(300, sink.Events);
    }

    [TestMethod]
    [DataRow(true)]
    [DataRow(false)]
    public async Task Raise_SinkThrows_OthersGetEverythingAndAreTold(bool late)
    {
        var sink = new Collector();
        await using var stream = new EventStream(
            "s-1",
            new SecretMasker(["hunter22"]),
            new SteadyClock(TimeProvider.System),
            [new Broken(late ? 2 : 1), sink]
        );
        stream.Raise(new FileRead("a"));
        stream.Raise(new FileRead("hunter22"));

        await stream.CompleteAsync();

        Assert.HasCount(3, sink.Events);
        Assert.AreEqual("***", sink.Events.OfType<FileRead>().Last().Path);
        TelemetrySuppressed told = sink.Events.OfType<TelemetrySuppressed>().Single();
        Assert.AreEqual(nameof(Broken), told.Event);
        Assert.AreEqual("disk full: ***", told.Reason);
        CollectionAssert.AreEqual(new long[] { 1, 2, 3 }, sink.Events.ConvertAll(e => e.Sequence));
    }

    [TestMethod]
    public async Task RaiseAsync_SlowSink_Waits()
    {
        using var gate = new SemaphoreSlim(0);
        await using var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(TimeProvider.System), [new Gated(gate)]);
        for (int i = 0; i < EventStream.Capacity; i++)
        {
            await stream.RaiseAsync(new FileRead("a"), TestContext.CancellationToken);
        }

        Task waiting = stream.RaiseAsync(new FileRead("b"), TestContext.CancellationToken).AsTask();
        stream.Raise(new SessionFailed("never waits", TimeSpan.Zero, 1));

        Assert.IsFalse(waiting.IsCompleted);
        gate.Release(EventStream.Capacity + 2);
        await waiting;
    }

    [TestMethod]
    public async Task Raise_AfterCompletion_Throws()
    {
        await using var stream = new EventStream("s-1", SecretMasker.None, new SteadyClock(TimeProvider.System), []);
        await stream.CompleteAsync();

        Assert.ThrowsExactly<InvalidOperationException>(() => stream.Raise(new FileRead("a")));
    }

    private sealed class Stuck : ITelemetrySink, IDisposable
    {
        private readonly ManualResetEventSlim _released = new();

        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Write(TelemetryEvent telemetryEvent)
        {
            Entered.TrySetResult();
            _released.Wait();
        }

        public ValueTask FlushAsync() => ValueTask.CompletedTask;

        public void Dispose() => _released.Set();
    }

    private sealed class Slow : ITelemetrySink
    {
        public void Write(TelemetryEvent telemetryEvent) => Thread.Sleep(10);

        public ValueTask FlushAsync() => ValueTask.CompletedTask;
    }

    private sealed class JumpingTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

        public long Timestamp { get; set; }

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => Timestamp;
    }

    private sealed class Collector : ITelemetrySink
    {
        public List<TelemetryEvent> Events { get; } = [];

        public void Write(TelemetryEvent telemetryEvent) => Events.Add(telemetryEvent);

        public ValueTask FlushAsync() => ValueTask.CompletedTask;
    }

    private sealed class Broken(int from) : ITelemetrySink
    {
        private int _count;

        public void Write(TelemetryEvent telemetryEvent)
        {
            if (++_count >= from)
            {
                throw new IOException("disk full: hunter22");
            }
        }

        public ValueTask FlushAsync() => ValueTask.CompletedTask;
    }

    private sealed class Gated(SemaphoreSlim gate) : ITelemetrySink
    {
        public void Write(TelemetryEvent telemetryEvent) => gate.Wait();

        public ValueTask FlushAsync() => ValueTask.CompletedTask;
    }
}
