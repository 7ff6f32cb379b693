using IsolatedAgents.Policies;
using IsolatedAgents.Text.Masking;

namespace IsolatedAgents.Events;

/// <summary>The agent read a file.</summary>
/// <param name="Path">Path in the sandbox.</param>
/// <param name="InWorkspace">Whether it is in the workspace or the output folder; other files are shown at DEBUG only.</param>
/// <param name="Count">How many times within a second.</param>
public sealed record FileRead(string Path, bool InWorkspace = true, int Count = 1) : TelemetryEvent(EventCatalog.FileRead)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => InWorkspace ? TelemetryLevel.Info : TelemetryLevel.Debug;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.ReadingFile, Path);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Path = masker.Mask(Path) };
}

/// <summary>The agent wrote a file.</summary>
/// <param name="Path">Path in the sandbox.</param>
/// <param name="InWorkspace">Whether it is in the workspace or the output folder; other files are shown at DEBUG only.</param>
/// <param name="Count">How many times within a second.</param>
/// <param name="Operation">
/// The call, where the file was not opened for writing but made or changed in another way: <c>mkdir</c>, <c>chmod</c> ...
/// </param>
public sealed record FileWritten(string Path, bool InWorkspace = true, int Count = 1, string? Operation = null)
    : TelemetryEvent(EventCatalog.FileWritten)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => InWorkspace ? TelemetryLevel.Info : TelemetryLevel.Debug;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.WritingFile, Path);
        visitor.Word(DetailNames.Operation, Operation);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Path = masker.Mask(Path) };
}

/// <summary>The agent deleted a file.</summary>
/// <param name="Path">Path in the sandbox.</param>
/// <param name="InWorkspace">Whether it is in the workspace or the output folder; other files are shown at DEBUG only.</param>
/// <param name="Count">How many times within a second.</param>
public sealed record FileDeleted(string Path, bool InWorkspace = true, int Count = 1) : TelemetryEvent(EventCatalog.FileDeleted)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => InWorkspace ? TelemetryLevel.Info : TelemetryLevel.Debug;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.DeletingFile, Path);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Path = masker.Mask(Path) };
}

/// <summary>The agent renamed a file.</summary>
/// <param name="Path">Its old path in the sandbox.</param>
/// <param name="Target">Its new path.</param>
/// <param name="InWorkspace">Whether it is in the workspace or the output folder; other files are shown at DEBUG only.</param>
/// <param name="Count">How many times within a second.</param>
public sealed record FileRenamed(string Path, string Target, bool InWorkspace = true, int Count = 1)
    : TelemetryEvent(EventCatalog.FileRenamed)
{
    /// <inheritdoc/>
    public override TelemetryLevel Level => InWorkspace ? TelemetryLevel.Info : TelemetryLevel.Debug;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Text(DetailNames.RenamingFile, Path);
        visitor.Text(DetailNames.RenamedTo, Target);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Path = masker.Mask(Path), Target = masker.Mask(Target) };
}

/// <summary>The agent opened an allowed connection.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Port; 0 where unknown.</param>
/// <param name="Method">The HTTP method; null where requests cannot be seen.</param>
/// <param name="Status"><c>Allowed</c>.</param>
/// <param name="Count">How many times within a second.</param>
public sealed record NetworkRequest(string Host, int Port, string? Method, string Status, int Count = 1)
    : TelemetryEvent(EventCatalog.NetworkRequest)
{
    /// <summary><c>HTTP</c>, <c>TLS</c> or <c>TCP</c>: what the connection was seen to carry.</summary>
    public string? Protocol { get; init; }

    /// <summary>The HTTP path, without a query; null where requests cannot be seen.</summary>
    public string? Path { get; init; }

    /// <summary>The HTTP status of the answer; null where it cannot be seen.</summary>
    public int? ResponseCode { get; init; }

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Endpoint(DetailNames.Destination, Host, Port);
        visitor.Text(DetailNames.Method, Method);
        visitor.Text(DetailNames.UrlPath, Path);
        visitor.Word(DetailNames.Protocol, Protocol);
        visitor.Word(DetailNames.Status, Status);
        visitor.Number(DetailNames.ResponseCode, ResponseCode);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) =>
        this with
        {
            Host = masker.Mask(Host),
            Method = masker.Mask(Method),
            Protocol = masker.Mask(Protocol),
            Path = masker.Mask(Path),
        };
}

/// <summary>The agent tried a connection that is not allowed.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Port; 0 where unknown.</param>
/// <param name="Reason">Why it is not.</param>
/// <param name="Action"><c>Denied</c>.</param>
/// <param name="Count">How many times within a second.</param>
public sealed record NetworkBlocked(string Host, int Port, string Reason, string Action, int Count = 1)
    : TelemetryEvent(EventCatalog.NetworkBlocked)
{
    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Endpoint(DetailNames.Destination, Host, Port);
        visitor.Text(DetailNames.Reason, Reason);
        visitor.Text(DetailNames.Action, Action);
        visitor.Number(DetailNames.Count, Count > 1 ? Count : null);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Host = masker.Mask(Host), Reason = masker.Mask(Reason) };
}

/// <summary>An allowed connection ended.</summary>
/// <param name="Host">Name or address.</param>
/// <param name="Port">Port; 0 where unknown.</param>
/// <param name="Sent">Bytes sent.</param>
/// <param name="Received">Bytes received.</param>
/// <param name="Duration">How long it was open.</param>
public sealed record NetworkClosed(string Host, int Port, long Sent, long Received, TimeSpan Duration)
    : TelemetryEvent(EventCatalog.NetworkClosed)
{
    /// <summary>The failure on the way to the server; null when there was none.</summary>
    public string? Error { get; init; }

    /// <summary>Whether it was the host's own proxy that failed, which somebody can mend.</summary>
    public bool IsProxyFailure { get; init; }

    /// <inheritdoc/>
    public override TelemetryLevel Level => IsProxyFailure ? TelemetryLevel.Warning : Descriptor.Level;

    internal override void Describe(IDetailVisitor visitor)
    {
        visitor.Endpoint(DetailNames.Destination, Host, Port);
        visitor.Bytes(DetailNames.Sent, Sent);
        visitor.Bytes(DetailNames.Received, Received);
        visitor.Duration(DetailNames.Duration, Duration);
        visitor.Text(DetailNames.Error, Error);
    }

    internal override TelemetryEvent Mask(SecretMasker masker) => this with { Host = masker.Mask(Host), Error = masker.Mask(Error) };
}
