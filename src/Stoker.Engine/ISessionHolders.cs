namespace Stoker.Engine;

/// <summary>Whoever keeps sessions open between answers, and lets go of one when somebody else needs it.</summary>
public interface ISessionHolders
{
    /// <summary>Saves and closes the session, if it is open here. Returns when its lock is free.</summary>
    /// <param name="sessionId">Its id.</param>
    /// <exception cref="Core.Errors.StokerException">Busy: it is answering now.</exception>
    Task ReleaseAsync(string sessionId, CancellationToken cancellationToken);
}
