using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Answers the kernel's questions about the agent's system calls, and tells what was asked. What it lets pass is still under Landlock, mounts and the kernel's own rules: another
/// thread may change the arguments between this look and the kernel's. What it denies is denied.
/// </summary>
internal sealed unsafe class Observer(SystemCallListener listener, FileRules rules, ActivityReport report)
{
    // include/uapi/linux/audit.h
    private const uint ArchitectureX64 = 0xC000003E;
    private const int X32Bit = 0x40000000;
    private const int BatchLength = 64;

    private readonly FileCalls _files = new(rules);
    private readonly SocketCalls _sockets = new(rules);
    private bool _isOver;

    /// <summary>The entry to poll; inert once no process is left that could ask.</summary>
    public PollDescriptor Poll => _isOver ? new PollDescriptor { Fd = -1 } : listener.Poll;

    /// <summary>Answers what is asked now, up to a batch.</summary>
    public void Answer(PollDescriptor polled)
    {
        Span<PollDescriptor> again = [polled];
        for (int i = 0; i < BatchLength && (again[0].Returned & PollIn) != 0; i++)
        {
            AnswerOne();
            again[0].Returned = 0;
            Descriptor.Poll(again, 0);
        }

        _isOver = (again[0].Returned & (PollHangUp | PollIn)) == PollHangUp;
    }

    private void AnswerOne()
    {
        if (!listener.TryReceive(out SystemCallNotification call))
        {
            return;
        }

        // What is read of a process that has ended meanwhile may be another's: it is asked again after every look and before every word.
        Judgement judgement = Judge(in call);
        if (!listener.IsWaiting(call.Id))
        {
            return;
        }

        if (judgement.Kind is { } kind)
        {
            report.Add(kind, judgement.Reason, (int)call.ProcessId, judgement.Subject, judgement.Detail, judgement.Port);
        }

        if (judgement.Error == 0)
        {
            listener.Continue(call.Id);
        }
        else
        {
            listener.Deny(call.Id, judgement.Error);
        }
    }

    private Judgement Judge(in SystemCallNotification call)
    {
        if (call.Architecture != ArchitectureX64 || (call.Number & X32Bit) != 0)
        {
            return DenyCall(call.Architecture != ArchitectureX64 ? $"32-bit system call {call.Number}" : $"x32 system call {call.Number & ~X32Bit}");
        }

        if (SystemCalls.Denied.TryGetValue(call.Number, out string? name))
        {
            return DenyCall(name);
        }

        return call.Number switch
        {
            SystemCalls.Clone => DenyCall("clone with new namespaces"),
            SystemCalls.Personality => DenyCall("personality"),
            SystemCalls.Socket or SystemCalls.SocketPair => SocketCalls.DenySocket(in call),
            SystemCalls.Connect or SystemCalls.SendTo or SystemCalls.SendMessage or SystemCalls.SendMessages => _sockets.Judge(in call),
            _ => _files.Judge(in call),
        };
    }

    private static Judgement DenyCall(string call) => Judgement.DenyCall(DenialReason.DeniedCall, call, NotPermitted);
}
