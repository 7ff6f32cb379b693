namespace IsolatedAgents.Events;

/// <summary>Every kind of event, in order of id.</summary>
public static class EventCatalog
{
}
