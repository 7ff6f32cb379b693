using IsolatedAgents.Protocol;
using IsolatedAgents.Supervisor.Interop;
using IsolatedAgents.Supervisor.Paths;
using IsolatedAgents.Supervisor.Reporting;
using static IsolatedAgents.Supervisor.Interop.KernelConstants;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>
/// Answers the kernel's questions about the agent's system calls, and tells what was asked. What it lets pass is still under Landlock,
/// mounts and the kernel's own rules: another thread may change the arguments between this look and the kernel's. What it denies is denied.
/// It has a thread of its own, since to look at a path may take as long as the path's file system likes, and with the agent's rights over
/// files, which are a thread's own.
/// </summary>
internal sealed class Observer
{
    // include/uapi/linux/audit.h
    private const uint ArchitectureX64 = 0xC000003E;
    private const int X32Bit = 0x40000000;

    private readonly FileCalls _files;
    private readonly SocketCalls _sockets;
    private readonly SystemCallListener _listener;
    private readonly SubstituteFiles _substitutes;
    private readonly ActivityReport _report;

    public Observer(SystemCallListener listener, ObserverParts parts)
    {
        PathResolver resolver = new();
        _listener = listener;
        _substitutes = parts.Substitutes;
        _report = parts.Report;
        _files = new FileCalls(parts.Rules, parts.Substitutes, resolver);
        _sockets = new SocketCalls(parts.Rules, parts.Gate, resolver);
    }

    /// <summary>Answers from now on, until nobody is left to ask.</summary>
    public void Start(int userId, int groupId)
    {
        Thread thread = new(() => AnswerAll(userId, groupId)) { IsBackground = true, Name = "observer" };
        thread.Start();
    }

    private void AnswerAll(int userId, int groupId)
    {
        try
        {
            _ = LibC.setfsgid(groupId);
            _ = LibC.setfsuid(userId);
            while (_listener.TryReceive(out SystemCallNotification call))
            {
                // The kernel gives no notification when the process that made the call has exited.
                if (call.Id != 0)
                {
                    Answer(in call);
                }
            }
        }
        catch (Exception failure)
            when (failure
                    is KernelException
                        or IOException
                        or UnauthorizedAccessException
                        or ArgumentException
                        or InvalidOperationException
                        or OverflowException
            )
        {
            _report.Fail(failure);
            // Who waits for an answer gets an error instead.
            _listener.Close();
        }
    }

    // What is read of a process that has ended meanwhile may be another's. What is denied is told first, if the process still waits; what
    // is allowed is told afterwards, if the kernel took the answer, which says the same: the agent waits the less.
    private void Answer(ref readonly SystemCallNotification call)
    {
        Judgement judgement = Judge(in call);
        if (judgement.IsMade)
        {
            _listener.Finish(call.Id, judgement.Error);
        }
        else if (judgement.Error != 0)
        {
            if (_listener.IsWaiting(call.Id))
            {
                Tell(in call, in judgement);
                _listener.Deny(call.Id, judgement.Error);
            }
        }
        else if (!judgement.IsTold)
        {
            _listener.TryContinue(call.Id);
        }
        else
        {
            _report.Begin();
            if ((judgement.IsSubstituted && TryShow(in call, in judgement)) || _listener.TryContinue(call.Id))
            {
                Tell(in call, in judgement);
            }

            _report.Complete();
        }
    }

    // Where it cannot be shown, the kernel goes on with the file that was asked for.
    private bool TryShow(ref readonly SystemCallNotification call, ref readonly Judgement judgement)
    {
        int descriptor = _substitutes.Open(judgement.Substitute);
        if (descriptor < 0)
        {
            return false;
        }

        bool isShown = _listener.TryGive(call.Id, descriptor, judgement.IsClosedOnExec);
        LibC.close(descriptor);
        return isShown;
    }

    private void Tell(ref readonly SystemCallNotification call, ref readonly Judgement judgement) =>
        _report.Add(judgement.Note with { ProcessId = (int)call.ProcessId });

    private Judgement Judge(in SystemCallNotification call)
    {
        if (call.Architecture != ArchitectureX64 || (call.Number & X32Bit) != 0)
        {
            return DenyCall(
                call.Architecture != ArchitectureX64 ? $"32-bit system call {call.Number}" : $"x32 system call {call.Number & ~X32Bit}"
            );
        }

        return call.Number switch
        {
            SystemCalls.Open or SystemCalls.OpenAt => _files.Judge(in call),
            SystemCalls.Clone => DenyCall("clone with new namespaces"),
            SystemCalls.Personality => DenyCall("personality"),
            SystemCalls.Socket or SystemCalls.SocketPair => SocketCalls.DenySocket(in call),
            SystemCalls.Bind => _sockets.JudgeBind(in call),
            SystemCalls.Connect or SystemCalls.SendTo or SystemCalls.SendMessage or SystemCalls.SendMessages => _sockets.Judge(in call),
            _ when SystemCalls.Denied.TryGetValue(call.Number, out string? name) => DenyCall(name),
            _ => _files.Judge(in call),
        };
    }

    private static Judgement DenyCall(string call) => Judgement.DenyCall(DenialReason.DeniedCall, call, NotPermitted);
}
