using System.Text;
using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>The answer to one system call, and what is told of it. Its texts may lie in memory that the next call's use again.</summary>
internal readonly ref struct Judgement
{
    /// <summary>The error number that the call fails with; 0 where it may go on.</summary>
    public int Error { get; private init; }

    /// <summary>Whether the call was made already, on the very socket, and <see cref="Error"/> is its result.</summary>
    public bool IsMade { get; private init; }

    /// <summary>Whether the call is to return another file than it names: the one of <see cref="Substitute"/>.</summary>
    public bool IsSubstituted { get; private init; }

    /// <summary>The number of that file among <see cref="SubstituteFiles"/>.</summary>
    public int Substitute { get; private init; }

    /// <summary>Whether the descriptor is to be closed when the process starts a program.</summary>
    public bool IsClosedOnExec { get; private init; }

    /// <summary>Whether it is worth telling.</summary>
    public bool IsTold { get; private init; }

    /// <summary>The activity to report, but for its process; only where it is worth telling.</summary>
    public ActivityNote Note { get; private init; }

    /// <summary>It may go on, and is not worth telling.</summary>
    public static Judgement Pass => default;

    /// <summary>It was made, and is not worth telling.</summary>
    public static Judgement Made(int error) => new() { IsMade = true, Error = error };

    public static Judgement Allow(ActivityKind kind, ReadOnlySpan<byte> subject, ReadOnlySpan<byte> detail = default) =>
        new()
        {
            IsTold = true,
            Note = new ActivityNote
            {
                Kind = kind,
                Subject = subject,
                Detail = detail,
            },
        };

    /// <summary>A file is read, and another one is shown in its place.</summary>
    public static Judgement Show(int substitute, bool isClosedOnExec, ReadOnlySpan<byte> path) =>
        new()
        {
            IsSubstituted = true,
            Substitute = substitute,
            IsClosedOnExec = isClosedOnExec,
            IsTold = true,
            Note = new ActivityNote { Kind = ActivityKind.FileRead, Subject = path },
        };

    public static Judgement DenyFile(DenialReason reason, ReadOnlySpan<byte> path, ReadOnlySpan<byte> operation) =>
        new()
        {
            Error = Interop.KernelConstants.AccessDenied,
            IsTold = true,
            Note = new ActivityNote
            {
                Kind = ActivityKind.FileDenied,
                Reason = reason,
                Subject = path,
                Detail = operation,
            },
        };

    public static Judgement DenyConnection(DenialReason reason, string destination, int port = 0) =>
        DenyConnection(reason, Encoding.Latin1.GetBytes(destination), port);

    public static Judgement DenyConnection(DenialReason reason, ReadOnlySpan<byte> destination, int port = 0) =>
        new()
        {
            Error = Interop.KernelConstants.ConnectionRefused,
            IsTold = true,
            Note = new ActivityNote
            {
                Kind = ActivityKind.ConnectionDenied,
                Reason = reason,
                Subject = destination,
                Port = port,
            },
        };

    public static Judgement DenyCall(DenialReason reason, string call, int error) =>
        new()
        {
            Error = error,
            IsTold = true,
            Note = new ActivityNote
            {
                Kind = ActivityKind.CallDenied,
                Reason = reason,
                Subject = Encoding.Latin1.GetBytes(call),
            },
        };
}
