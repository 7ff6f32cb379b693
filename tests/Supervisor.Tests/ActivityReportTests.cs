using System.Globalization;
using System.Text;
using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Channel;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Reporting;

namespace IsolatedAgents.Supervisor.Tests;

/// <summary>What is seen of an agent, on its way to the host: counted, cut into frames, and never lost.</summary>
[TestClass]
public sealed class ActivityReportTests : IDisposable
{
    private readonly (int Read, int Write) _pipe = Descriptor.CreatePipe();
    private readonly (int Read, int Write) _credit = Descriptor.CreatePipe();
    private readonly ActivityReport _report = new(probes: 0);
    private readonly FrameDecoder _decoder = new();
    private readonly HostChannel _channel;

    public ActivityReportTests()
    {
        Descriptor.SetNonBlocking(_pipe.Read);
        Descriptor.SetNonBlocking(_pipe.Write);
        _channel = new HostChannel(new HostStream(_credit.Read, _pipe.Write, -1));
    }

    public void Dispose()
    {
        _report.Dispose();
        LibC.close(_pipe.Read);
        LibC.close(_pipe.Write);
        LibC.close(_credit.Read);
        LibC.close(_credit.Write);
    }

    [TestMethod]
    public void Add_TheSameAgain_IsToldOnceAndThenCounted()
    {
        for (int i = 0; i < 5; i++)
        {
            Add("/a");
        }

        Add("/b");
        CollectionAssert.AreEqual(new[] { ("/a", 1), ("/b", 1) }, Told());

        _report.Flush();
        CollectionAssert.AreEqual(new[] { ("/a", 4) }, Told());
    }

    [TestMethod]
    public void Add_SamePathInAnotherWay_IsAnother()
    {
        Add("/a", "x");
        Add("/ax", "");
        _report.Add(
            new ActivityNote
            {
                Kind = ActivityKind.FileWritten,
                ProcessId = 1,
                Subject = "/a"u8,
                Detail = "x"u8,
            }
        );
        Assert.HasCount(3, Told());
    }

    [TestMethod]
    [DataRow(20_000)]
    [DataRow(120_000)]
    public void Add_MoreThanAreRemembered_AllAreCounted(int count)
    {
        int told = 0;
        for (int i = 0; i < count; i++)
        {
            Add(string.Create(CultureInfo.InvariantCulture, $"/some/folder/with/a/name/{i}"));
            if (i % 1000 == 999)
            {
                told += Told().Sum(activity => activity.Count);
            }
        }

        _report.End();
        Assert.AreEqual(count, told + Told().Sum(activity => activity.Count));
    }

    [TestMethod]
    public void Add_MoreDenialsThanAreNamed_NoneIsLost()
    {
        const int Count = 100_500;
        int told = 0;
        for (int i = 0; i < Count; i++)
        {
            _report.Add(
                new ActivityNote
                {
                    Kind = ActivityKind.CallDenied,
                    Reason = DenialReason.DeniedCall,
                    Subject = Encoding.ASCII.GetBytes(i.ToString(CultureInfo.InvariantCulture)),
                }
            );
            if (i % 1000 == 999)
            {
                told += Told().Sum(activity => activity.Count);
            }
        }

        _report.End();
        (string Subject, int Count)[] last = Told();
        Assert.AreEqual(Count, told + last.Sum(activity => activity.Count));
        Assert.AreEqual("(further ones)", last[^1].Subject);
    }

    [TestMethod]
    public void Add_AgainAndAgain_TakesNoMemory()
    {
        byte[] text = "/some/folder/file000000"u8.ToArray();
        Round(text);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Round(text);
        Assert.AreEqual(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Round(byte[] name)
        {
            for (int i = 0; i < 500; i++)
            {
                name[^1] = (byte)('0' + (i % 10));
                name[^2] = (byte)('0' + (i / 10 % 10));
                name[^3] = (byte)('0' + (i / 100));
                _report.Add(
                    new ActivityNote
                    {
                        Kind = ActivityKind.FileRead,
                        ProcessId = 1,
                        Subject = name,
                    }
                );
            }

            _report.Flush();
        }
    }

    private void Add(string path, string detail = "") =>
        _report.Add(
            new ActivityNote
            {
                Kind = ActivityKind.FileRead,
                ProcessId = 1,
                Subject = Encoding.UTF8.GetBytes(path),
                Detail = Encoding.UTF8.GetBytes(detail),
            }
        );

    private (string Subject, int Count)[] Told()
    {
        List<(string, int)> told = [];
        byte[] buffer = new byte[64 * 1024];
        while (!_report.IsEmpty || !_channel.IsDrained)
        {
            _report.Send(_channel);
            _channel.Flush();
            int count;
            while ((count = Descriptor.Read(_pipe.Read, buffer)) > 0)
            {
                ReadOnlySpan<byte> received = buffer.AsSpan(0, count);
                while (_decoder.TryRead(ref received, out FrameType type, out byte[] payload))
                {
                    Assert.AreEqual(FrameType.Activity, type);
                    told.AddRange(
                        Activity.FromPayload(payload).Select(activity => (Encoding.UTF8.GetString(activity.Subject), activity.Count))
                    );
                    GiveCredit(payload.Length);
                }
            }
        }

        return [.. told];
    }

    private void GiveCredit(int bytes)
    {
        Descriptor.WriteAll(_credit.Write, Frame.Create(FrameType.Credit, new Credit(bytes).ToPayload()));
        _channel.Receive((type, _) => Assert.Fail($"{type} came."));
    }
}
