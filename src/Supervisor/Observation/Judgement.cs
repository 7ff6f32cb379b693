using IsolatedAgents.Protocol;

namespace IsolatedAgents.Supervisor.Observation;

/// <summary>The answer to one system call, and what is told of it.</summary>
internal readonly record struct Judgement
{
    /// <summary>The error number that the call fails with; 0 where it may go on.</summary>
    public int Error { get; private init; }

    /// <summary>Whether the call was made already, on the very socket, and <see cref="Error"/> is its result.</summary>
    public bool IsMade { get; private init; }

    /// <summary>What it was; null where it is not worth telling.</summary>
    public ActivityKind? Kind { get; private init; }

    public DenialReason Reason { get; private init; }

    public string Subject { get; private init; }

    public string Detail { get; private init; }

    public int Port { get; private init; }

    /// <summary>It may go on, and is not worth telling.</summary>
    public static Judgement Pass { get; }

    /// <summary>It was made, and is not worth telling.</summary>
    public static Judgement Made(int error) => new() { IsMade = true, Error = error };

    public static Judgement Allow(ActivityKind kind, string subject, string detail = "") => new() { Kind = kind, Subject = subject, Detail = detail };

    public static Judgement DenyFile(DenialReason reason, string path, string operation) =>
        new() { Error = Interop.KernelConstants.AccessDenied, Kind = ActivityKind.FileDenied, Reason = reason, Subject = path, Detail = operation };

    public static Judgement DenyConnection(DenialReason reason, string destination, int port = 0) =>
        new() { Error = Interop.KernelConstants.ConnectionRefused, Kind = ActivityKind.ConnectionDenied, Reason = reason, Subject = destination, Detail = "", Port = port };

    public static Judgement DenyCall(DenialReason reason, string call, int error) =>
        new() { Error = error, Kind = ActivityKind.CallDenied, Reason = reason, Subject = call, Detail = "" };
}
