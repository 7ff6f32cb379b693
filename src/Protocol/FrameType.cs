namespace IsolatedAgents.Protocol;

/// <summary>The content of a frame. Values are part of the wire format and never change.</summary>
internal enum FrameType : byte
{
    /// <summary>To the supervisor, once: everything it needs (<see cref="LaunchSpec"/>).</summary>
    Launch = 1,

    /// <summary>To the supervisor: end the agent (<see cref="StopRequest"/>).</summary>
    Stop = 2,

    /// <summary>To the supervisor: so many more data bytes may be sent.</summary>
    Credit = 3,

    /// <summary>
    /// To the supervisor: the host is still there. Sent where the stream's end does not show that it is not
    /// (<see cref="LaunchSpec.LeaseMilliseconds"/>).
    /// </summary>
    Alive = 4,

    /// <summary>
    /// To the supervisor: bytes of an egress connection for the agent (<see cref="EgressData"/>). Bounded by the connection's window.
    /// </summary>
    EgressReply = 5,

    /// <summary>To the supervisor: nothing more comes for the agent (<see cref="EgressEnd"/>).</summary>
    EgressReplyEnd = 6,

    /// <summary>To the supervisor: bytes that the agent sent were taken (<see cref="EgressWindow"/>).</summary>
    EgressSentWindow = 7,

    /// <summary>
    /// To the supervisor: one byte of an egress connection that the server sent as urgent (<see cref="EgressData"/>). Counts against the
    /// window like any other.
    /// </summary>
    EgressReplyUrgent = 8,

    /// <summary>
    /// To the supervisor: does a process still hold the agent's end of a connection (<see cref="Protocol.EgressQuestion"/>)?
    /// </summary>
    EgressQuestion = 9,

    /// <summary>To the supervisor: the files that are wanted of a changed workspace (<see cref="Protocol.WorkspaceRequest"/>).</summary>
    WorkspaceRequest = 10,

    /// <summary>From the supervisor, first of all (<see cref="Hello"/>).</summary>
    Hello = 64,

    /// <summary>A control could not be set up or verified; no agent was started (<see cref="SetupFailure"/>).</summary>
    SetupFailed = 65,

    /// <summary>The agent runs (<see cref="Started"/>).</summary>
    Started = 66,

    /// <summary>Raw bytes of the agent's standard output. Counts against the credit.</summary>
    StandardOutput = 67,

    /// <summary>Raw bytes of the agent's standard error. Counts against the credit.</summary>
    StandardError = 68,

    /// <summary>Figures of the control group (<see cref="ResourceUsage"/>).</summary>
    Usage = 69,

    /// <summary>Every process of the sandbox but the supervisor has ended (<see cref="AgentExit"/>).</summary>
    Exited = 70,

    /// <summary>The content of the output folder (<see cref="OutputsFound"/>).</summary>
    OutputsFound = 71,

    /// <summary>An entry that is not taken (<see cref="OutputRejection"/>).</summary>
    OutputRejected = 72,

    /// <summary>A file begins (<see cref="OutputFile"/>); its bytes follow.</summary>
    OutputFile = 73,

    /// <summary>Bytes of the file begun last. Counts against the credit.</summary>
    OutputData = 74,

    /// <summary>Everything was sent; the supervisor leaves when the stream is closed.</summary>
    Done = 75,

    /// <summary>The controls were tried from inside and hold (<see cref="ProbeResults"/>). Before <see cref="Started"/>.</summary>
    Verified = 76,

    /// <summary>
    /// Things that the agent did or tried, one or several (<see cref="Protocol.Activity"/>). Counts against the credit, so that nothing of
    /// it is ever dropped.
    /// </summary>
    Activity = 77,

    /// <summary>The agent has opened a connection (<see cref="Protocol.EgressOpened"/>).</summary>
    EgressOpened = 78,

    /// <summary>Bytes that the agent sent on it (<see cref="EgressData"/>). Bounded by the connection's window.</summary>
    EgressSent = 79,

    /// <summary>The agent sends nothing more on it (<see cref="EgressEnd"/>).</summary>
    EgressSentEnd = 80,

    /// <summary>Bytes for the agent were taken by it (<see cref="EgressWindow"/>).</summary>
    EgressReplyWindow = 81,

    /// <summary>
    /// One byte that the agent sent on it as urgent (<see cref="EgressData"/>). Counts against the window like any other.
    /// </summary>
    EgressSentUrgent = 82,

    /// <summary>Whether a process holds it (<see cref="Protocol.EgressAnswer"/>).</summary>
    EgressAnswer = 83,

    /// <summary>All entries of the private copy that differ were told (<see cref="WorkspaceFound"/>).</summary>
    WorkspaceFound = 90,

    /// <summary>Entries of the private copy that differ (<see cref="Protocol.WorkspaceEntries"/>). Counts against the credit.</summary>
    WorkspaceEntries = 91,

    /// <summary>
    /// The file begun last, as an open descriptor that comes with this frame's first byte, in place of its bytes. On a socket alone. Counts
    /// against the credit.
    /// </summary>
    OutputDescriptor = 92,

    /// <summary>An entry of the private copy that is not taken (<see cref="OutputRejection"/>).</summary>
    WorkspaceRejected = 93,

    /// <summary>A file of the private copy begins (<see cref="OutputFile"/>); its bytes follow.</summary>
    WorkspaceFile = 94,

    /// <summary>Bytes of the copy's file begun last. Counts against the credit.</summary>
    WorkspaceData = 95,

    /// <summary>The copy's file begun last, as <see cref="OutputDescriptor"/>.</summary>
    WorkspaceDescriptor = 96,
}
