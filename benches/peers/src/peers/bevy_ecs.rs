//! bevy's observers.

use bevy_ecs::prelude::*;

use crate::harness::callbacks::Callbacks;
use crate::harness::event;

pub(crate) struct Observers {
    world: World,
}

#[derive(Event)]
struct Happened(event::Event);

impl Callbacks for Observers {
    const NAME: &'static str = "bevy_ecs, observers";
    const DIFFERS: &'static str = "publishes with `&mut World`; does not isolate";

    type Guard = Entity;

    fn new() -> Self {
        Self {
            world: World::new(),
        }
    }

    fn listen(&mut self, listener: impl Fn(&event::Event) + Send + Sync + 'static) -> Entity {
        let observer = move |happened: On<Happened>| listener(&happened.event().0);
        let entity = self.world.add_observer(observer).id();
        self.world.flush();
        entity
    }

    fn end(&mut self, guard: Entity) {
        self.world.despawn(guard);
    }

    #[inline]
    fn publish(&mut self, event: event::Event) {
        self.world.trigger(Happened(event));
    }

    fn share(&self) -> Option<impl FnMut(event::Event) + Send> {
        None::<fn(event::Event)>
    }
}
