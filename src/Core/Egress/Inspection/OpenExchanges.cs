namespace IsolatedAgents.Egress.Inspection;

/// <summary>The requests of one connection that are under way, and how far each has come.</summary>
internal sealed class OpenExchanges
{
    private int _open;
    private int _unanswered;
    private int _sending;

    /// <summary>Whether any request is under way.</summary>
    public bool IsAny => Volatile.Read(ref _open) > 0;

    /// <summary>Whether the server has not begun to answer one yet, so that it may not have reached it.</summary>
    public bool IsAnyUnanswered => Volatile.Read(ref _unanswered) > 0;

    /// <summary>Whether something that the agent has sent is still on its way to the server.</summary>
    public bool IsAnySending => Volatile.Read(ref _sending) > 0;

    /// <summary>A request has come.</summary>
    public Exchange Begin()
    {
        Interlocked.Increment(ref _open);
        Interlocked.Increment(ref _unanswered);
        return new Exchange(this);
    }

    /// <summary>One request, from its head to the end of its answer.</summary>
    internal sealed class Exchange(OpenExchanges all) : IDisposable
    {
        private int _isAnswered;
        private int _isSending;

        /// <summary>A body begins to go to the server, or what takes its place.</summary>
        public void BeginSending()
        {
            if (Interlocked.Exchange(ref _isSending, 1) == 0)
            {
                Interlocked.Increment(ref all._sending);
            }
        }

        /// <summary>All of it has gone, or no more of it will.</summary>
        public void EndSending()
        {
            if (Interlocked.Exchange(ref _isSending, 0) == 1)
            {
                Interlocked.Decrement(ref all._sending);
            }
        }

        /// <summary>The server has begun to answer, or never will.</summary>
        public void Answered()
        {
            if (Interlocked.Exchange(ref _isAnswered, 1) == 0)
            {
                Interlocked.Decrement(ref all._unanswered);
            }
        }

        public void Dispose()
        {
            Answered();
            EndSending();
            Interlocked.Decrement(ref all._open);
        }
    }
}
